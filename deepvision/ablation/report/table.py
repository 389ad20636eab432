"""The one model of a table: what a reader sees, and the numbers in full behind it. Every format is made from it."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import Any


@dataclasses.dataclass(frozen=True)
class Column:
    """A column. Without a heading it is not shown, and stands only where numbers are stored (CSV, JSON)."""

    heading: str
    keys: tuple[str, ...]  # names of the numbers behind each cell
    numeric: bool = True


@dataclasses.dataclass(frozen=True)
class Cell:
    """The text shown, and one value for every key of the column; None where there is none."""

    text: str
    values: tuple[Any, ...]


@dataclasses.dataclass(frozen=True)
class Row:
    cells: tuple[Cell, ...]
    bold: bool = False


@dataclasses.dataclass(frozen=True)
class Table:
    """Rows of cells under columns, and a caption that says how to read them."""

    key: str  # in file names and JSON
    title: str
    columns: tuple[Column, ...]
    rows: tuple[Row, ...]
    caption: str = ""

    @property
    def shown(self) -> list[Column]:
        """The columns that have a heading."""
        return [column for column in self.columns if column.heading]

    @property
    def keys(self) -> list[str]:
        """The names of all numbers of a row."""
        return [key for column in self.columns for key in column.keys]

    def texts(self, row: Row) -> list[str]:
        """Returns what is shown of a row."""
        return [cell.text for cell, column in zip(row.cells, self.columns, strict=True) if column.heading]

    def records(self) -> Iterator[dict[str, Any]]:
        """Yields the numbers of every row by their keys."""
        for row in self.rows:
            values = [value for cell in row.cells for value in cell.values]
            yield dict(zip(self.keys, values, strict=True))


def word(heading: str, key: str = "") -> Column:
    """Returns a column of words."""
    return Column(heading, (key or heading,), numeric=False)


def text(value: str) -> Cell:
    """Returns a cell whose text is its value."""
    return Cell(value, (value,))


def empty(column: Column, shown: str = "") -> Cell:
    """Returns a cell without values."""
    return Cell(shown, (None,) * len(column.keys))
