"""docs/running_on_a_pod.md explains messages: the code says each of them, and has each field that it names."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from deepvision.config import default_config

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "running_on_a_pod.md").read_text()
TABLE = PAGE.split("## What the messages mean")[1]
MESSAGES = [message for row in re.findall(r"^\| (`.*?) \| ", TABLE, re.M) for message in re.findall("`(.+?)`", row)]
CHANGES = r"\.\.\.|HOST:PORT|\d+(?:, \d+)*|:"  # what differs from one time to the next


def _strings() -> str:
    """Returns every piece of text in the code, one per line; what is filled in parts them."""
    trees = [ast.parse(file.read_text()) for file in sorted((ROOT / "deepvision").rglob("*.py"))]
    nodes = [node for tree in trees for node in ast.walk(tree) if isinstance(node, ast.Constant)]
    return "\n".join(" ".join(node.value.split()) for node in nodes if isinstance(node.value, str))


STRINGS = _strings()


def _is_said(words: list[str]) -> bool:
    """Tells whether words that follow each other stand in one text of the code, or begin in one and end in another."""
    return any(" ".join(words[:split]) in STRINGS and " ".join(words[split:]) in STRINGS for split in range(len(words)))


def test_the_table_is_read():
    assert len(MESSAGES) > 10
    assert not _is_said(["processes", "that", "never", "were", "did", "not", "come"])


@pytest.mark.parametrize("message", MESSAGES)
def test_a_message_is_said_by_the_code(message: str):
    for part in re.split(CHANGES, message):
        assert _is_said(part.split()) or not part.strip(), part


def test_the_fields_are_there():
    config = default_config()
    groups = "|".join(name for name, value in config.items() if hasattr(value, "items"))
    fields = set(re.findall(rf"`((?:{groups})\.\w+)`", PAGE))
    assert len(fields) > 5
    for field in fields:
        group, name = field.split(".")
        assert name in config[group], field
