"""Consoles and the small tables of results that commands print."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from rich.console import Console
from rich.table import Table

_WIDTH_OF_A_FILE = 160  # columns where the output is no terminal, so that tables in a log are not cut


def output() -> Console:
    """Returns the console for results: standard output."""
    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=_WIDTH_OF_A_FILE)


def progress() -> Console:
    """Returns the console for progress: standard error, so that `> table.txt` gets results only."""
    return Console(stderr=True, highlight=False)


def metrics_table(title: str, rows: Mapping[str, Sequence[Mapping[str, float]]]) -> Table:
    """Returns a table of metrics per checkpoint and seed: {"best": [{"seed": 0, "step": 40, "accuracy": 0.9}], ...}."""
    names = list(dict.fromkeys(name for entries in rows.values() for entry in entries for name in entry))
    table = Table(title=title)
    table.add_column("checkpoint")
    for name in names:
        table.add_column(name, justify="right")
    for checkpoint, entries in rows.items():
        for entry in entries:
            table.add_row(checkpoint, *(_text(entry.get(name)) for name in names))
    return table


def _text(value: float | str | None) -> str:
    if value is None or isinstance(value, str):
        return value or ""
    return f"{value:.4f}" if isinstance(value, float) else f"{value:,}"
