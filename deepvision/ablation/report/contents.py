"""What a report says, apart from any format: the verdict, the tables, the notes."""

from __future__ import annotations

import dataclasses

from deepvision.ablation.analysis import Analysis, analyse
from deepvision.ablation.report.arms import arms_table
from deepvision.ablation.report.comparisons import comparisons_table, effects_table, ranks_table
from deepvision.ablation.report.details import (
    differences_table,
    environments_table,
    failures_table,
    metrics_table,
    runs_table,
    shared_table,
    tuning_table,
)
from deepvision.ablation.report.table import Table
from deepvision.ablation.results import Results
from deepvision.ablation.verdict import power_line, verdict


@dataclasses.dataclass(frozen=True)
class Report:
    """Everything there is to say of an ablation; tables that it has no use for are not there."""

    analysis: Analysis
    verdict: str
    power: str | None
    tables: tuple[Table, ...]

    @property
    def results(self) -> Results:
        return self.analysis.results

    @property
    def notes(self) -> tuple[str, ...]:
        return self.analysis.notes

    def table(self, key: str) -> Table | None:
        """Returns the table called `key`, if the report has it."""
        return next((table for table in self.tables if table.key == key), None)

    def main(self) -> list[Table]:
        """The tables a reader asks for first."""
        return [table for key in ("arms", "comparisons", "effects", "ranks", "failures") if (table := self.table(key))]


def make_report(results: Results) -> Report:
    """Computes all statistics and makes all tables."""
    analysis = analyse(results)
    tables = (
        arms_table(results),
        comparisons_table(analysis),
        effects_table(analysis),
        ranks_table(analysis),
        failures_table(results),
        metrics_table(results),
        tuning_table(results),
        differences_table(results),
        shared_table(results),
        runs_table(results),
        environments_table(results),
    )
    found = tuple(table for table in tables if table is not None)
    return Report(analysis, verdict(analysis), power_line(analysis), found)
