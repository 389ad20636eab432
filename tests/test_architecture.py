"""The plan of the house: imports point downward, `pmap` stands in one place, nobody needs TensorFlow."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
FLOORS = (
    ("errors", "types", "checks", "choices", "ops", "params", "array_files"),
    ("layers",),
    ("models", "regularizers"),
    ("data", "tasks"),
    ("train",),
    ("ablation", "diagnostics", "interop"),
    ("config", "config_checks", "recipes", "build"),
    ("cli",),
    ("__main__",),
)
FLOOR = {room: number for number, rooms in enumerate(FLOORS) for room in rooms}
SOURCES = sorted((ROOT / "deepvision").rglob("*.py"))


def room_of(file: Path) -> str:
    return file.relative_to(ROOT / "deepvision").with_suffix("").parts[0]


def imports(file: Path) -> Iterator[str]:
    """Yields the dotted names of the modules that a file imports, anywhere in it."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


ROOMS = [file for file in SOURCES if room_of(file) != "__init__"]


@pytest.mark.parametrize("file", ROOMS, ids=lambda file: str(file.relative_to(ROOT)))
def test_imports_point_downward(file: Path):
    assert room_of(file) in FLOOR, "a new room needs a floor"
    rooms = {name.split(".")[1] for name in imports(file) if name.startswith("deepvision.")}
    above = {room for room in rooms & FLOOR.keys() if FLOOR[room] > FLOOR[room_of(file)]}
    assert not above


def test_pmap_stands_in_one_file():
    users = {str(file.relative_to(ROOT)) for file in SOURCES if "pmap(" in file.read_text()}
    assert users == {"deepvision/train/parallel/copies.py"}


def test_nothing_imports_tensorflow():
    assert not [file for file in SOURCES if {"tensorflow", "tf"} & set(imports(file))]


def test_no_dictionary_of_unnamed_arguments():
    """Arguments are named: a function that takes `**something` says no more what it takes."""
    takers = []
    for file in (f for f in SOURCES if f.name != "without_tensorflow.py"):  # stands in for functions of others
        functions = (node for node in ast.walk(ast.parse(file.read_text())) if isinstance(node, ast.FunctionDef))
        takers += [f"{file.name}:{node.name}" for node in functions if node.args.kwarg]
    # A choice passes on what its site gives it; jax passes on the parameters of its own operation.
    assert takers == ["choices.py:__call__", "lowering.py:rule"]
