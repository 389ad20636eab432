"""Tables in Markdown."""

from __future__ import annotations

from deepvision.ablation.report.contents import Report
from deepvision.ablation.report.table import Table

_LEFT_OUT = ("shared", "runs")  # long, and in files of their own


def markdown(report: Report) -> str:
    """Returns the verdict and the tables."""
    parts = [f"# {report.results.name}", f"**{_escape(report.verdict)}**"]
    parts += [_escape(report.power)] if report.power else []
    for table in report.tables:
        if table.key not in _LEFT_OUT:
            parts += [f"## {_escape(table.title)}", _table(table)]
            parts += [_escape(table.caption)] if table.caption else []
    if report.notes:
        parts += ["## Notes", "\n".join(f"- {_escape(note)}" for note in report.notes)]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    rows = [[column.heading for column in table.shown], ["---:" if c.numeric else "---" for c in table.shown]]
    for row in table.rows:
        cells = [_escape(text) for text in table.texts(row)]
        rows.append([f"**{cell}**" if cell else "" for cell in cells] if row.bold else cells)
    return "\n".join("| " + " | ".join(cells) + " |" for cells in rows)


def _escape(text: str) -> str:
    """Returns text in which no bar ends a cell, and no line ends a row."""
    return text.replace("|", "\\|").replace("\n", " ")
