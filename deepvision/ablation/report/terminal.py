"""Tables for a terminal."""

from __future__ import annotations

import rich.table
from rich.console import Group, RenderableType
from rich.text import Text

from deepvision.ablation.report.contents import Report
from deepvision.ablation.report.table import Table


def terminal(report: Report) -> RenderableType:
    """Returns the verdict and the main tables for `rich`; the best mean is bold."""
    parts: list[RenderableType] = [Text(report.results.name, style="bold"), Text("")]
    for table in report.main():
        parts += [_table(table), *([Text(table.caption, style="dim")] if table.caption else []), Text("")]
    parts.append(Text(report.verdict, style="bold"))
    parts += [Text(report.power)] if report.power else []
    parts += [Text(f"Note: {note}") for note in report.notes]
    return Group(*parts)


def _table(table: Table) -> rich.table.Table:
    shown = rich.table.Table(title=Text(table.title), title_justify="left")
    for column in table.shown:
        shown.add_column(Text(column.heading), justify="right" if column.numeric else "left")
    for row in table.rows:
        shown.add_row(*map(Text, table.texts(row)), style="bold" if row.bold else None)
    return shown
