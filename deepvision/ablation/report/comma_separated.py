"""Tables as CSV: numbers in full, an accuracy as a share of 1."""

from __future__ import annotations

import csv
import io

from deepvision.ablation.report.table import Table


def comma_separated(table: Table) -> str:
    """Returns all numbers of a table, one column each; nothing where there is none."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(table.keys)
    for row in table.rows:
        writer.writerow(["" if value is None else value for cell in row.cells for value in cell.values])
    return text.getvalue()
