"""Figures that long tests give: printed, and kept as tables where DEEPVISION_TEST_RECORDS names a folder."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path


def record(name: str, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
    """Prints a Markdown table, and writes it as NAME.md."""
    lines = [columns, ["---"] * len(columns), *rows]
    text = "".join(f"| {' | '.join(map(str, line))} |\n" for line in lines)
    print(f"\n{text}")
    if folder := os.environ.get("DEEPVISION_TEST_RECORDS"):
        Path(folder).mkdir(parents=True, exist_ok=True)
        (Path(folder) / f"{name}.md").write_text(text)
