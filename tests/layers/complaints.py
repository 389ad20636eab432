"""What a refusal must say."""

from __future__ import annotations

import pytest


def matches(caught: pytest.ExceptionInfo, complaint: str) -> bool:
    """Tells whether an error is the one line that is expected, where "..." stands for the valid range."""
    start, _, end = complaint.partition("...")
    said = str(caught.value)
    return "\n" not in said and said.startswith(start) and said.endswith(end) and (bool(end) or said == complaint)
