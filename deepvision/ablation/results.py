"""What an ablation found: one `ArmResult` per row, one `Run` per seed.

`reading` reads them back from the run folders alone; `merge` unites the folders of several days or machines.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvision.ablation.metrics import Metric
from deepvision.ablation.statistics import Summary, summarize


@dataclasses.dataclass(frozen=True)
class Run:
    """One seed of one arm, trained to the end: its metrics after the last step and at its best evaluation."""

    seed: int
    last: Mapping[str, float]
    best: Mapping[str, float]
    curves: Mapping[str, Mapping[float, float]]  # of every metric, by epoch, on the held-out split
    folder: Path


@dataclasses.dataclass(frozen=True)
class Cost:
    """What one run folder says an arm costs."""

    parameters: int
    macs: int | None
    images_per_second: float  # in training, summed over the seeds trained together
    seconds: float


@dataclasses.dataclass(frozen=True)
class Ensemble:
    """The metrics of the mean prediction of some seeds after their last step."""

    seeds: tuple[int, ...]
    metrics: Mapping[str, float]


@dataclasses.dataclass(frozen=True)
class ArmResult:
    """One row of the table: what was run, what came out, and why something is missing."""

    name: str
    labels: tuple[str, ...]  # one per axis
    recorded: Mapping[str, str]  # the labels by field, as ablation.json has them
    config: Mapping[str, Any]  # dotted fields
    runs: tuple[Run, ...]  # by seed
    failures: Mapping[int, str]  # why, of every seed that failed
    pending: tuple[int, ...]  # seeds neither finished nor failed
    costs: tuple[Cost, ...]  # of every run folder
    environments: tuple[Mapping[str, Any], ...]  # of the same folders
    ensembles: tuple[Ensemble, ...] = ()  # of the same folders
    # What tuning tried: the fields with their values, and under "mean" the metric on the validation split.
    tried: tuple[Mapping[str, Any], ...] = ()

    @property
    def failure(self) -> str | None:
        """Why the arm has no result, or not of all seeds; None if nothing is missing."""
        if self.failures and not self.runs and len(set(self.failures.values())) == 1:
            return f"failed: {next(iter(self.failures.values()))}"
        parts = []
        if self.failures:
            reasons = dict.fromkeys(self.failures.values())
            parts.append(f"{len(self.failures)} of {self.planned} seeds failed: {'; '.join(reasons)}")
        if self.pending:
            all_of_them = len(self.pending) == self.planned
            parts.append("not finished" if all_of_them else f"{len(self.pending)} of {self.planned} seeds not finished")
        return "; ".join(parts) or None

    @property
    def planned(self) -> int:
        """How many seeds the arm was to have."""
        return len(self.runs) + len(self.failures) + len(self.pending)

    def values(self, metric: str, which: str = "last") -> dict[int, float]:
        """Returns the metric of every finished seed that has it, `which` being "last" or "best"."""
        rows = {run.seed: getattr(run, which) for run in self.runs}
        return {seed: row[metric] for seed, row in rows.items() if metric in row}

    def summary(self, metric: str, which: str = "last") -> Summary | None:
        """Returns the statistics of the metric over seeds; None if no seed has it."""
        values = list(self.values(metric, which).values())
        return summarize(values) if values else None


@dataclasses.dataclass(frozen=True)
class Study:
    """What `ablation.json` says of the comparison as a whole."""

    name: str
    metric: str
    fields: tuple[str, ...]  # of the axes, "model.norm"
    axes: tuple[str, ...]  # how they are called, "norm"
    baseline: str  # name of an arm; "": the first
    within: tuple[str, ...]  # fields that set the problem rather than the method
    delta: float  # a difference of the metric worth resolving; 0: none was named
    claim: str  # the experiment's docstring
    command: str
    folder: Path


@dataclasses.dataclass(frozen=True)
class Results:
    """An ablation's arms in the order in which they were given, and the metric they are compared by."""

    name: str
    metric: Metric
    fields: tuple[str, ...]
    axes: tuple[str, ...]
    arms: tuple[ArmResult, ...]
    baseline: ArmResult
    within: tuple[str, ...]  # fields that set the problem: arms are compared within each of their values
    delta: float
    studies: tuple[Study, ...]
    notes: tuple[str, ...] = ()  # what a reader must know of how the folders were united

    @property
    def finished(self) -> list[ArmResult]:
        """The arms of which at least one seed has finished."""
        return [arm for arm in self.arms if arm.runs]

    @property
    def problem(self) -> str:
        """What sets the problem, in words: "data set", "batch_size"."""
        pairs = zip(self.fields, self.axes, strict=True)
        named = [(field, axis) for field, axis in pairs if field in self.within]
        return " and ".join("data set" if field == "data.name" else axis for field, axis in named)

    @property
    def conditions(self) -> dict[tuple[str, ...], list[ArmResult]]:
        """The finished arms by the values of the axes in `within`; all under () if there is no such axis."""
        groups: dict[tuple[str, ...], list[ArmResult]] = {}
        for arm in self.finished:
            pairs = zip(self.fields, arm.labels, strict=True)
            groups.setdefault(tuple(label for field, label in pairs if field in self.within), []).append(arm)
        return groups

    @property
    def best(self) -> list[ArmResult]:
        """The arm with the best mean in every condition; the first of them if several share it.

        An arm with failed seeds is the best only if all have some: the mean of those that survived flatters it.
        """
        choices = [[arm for arm in arms if not arm.failures] or arms for arms in self.conditions.values()]
        return [max(arms, key=lambda arm: self.goodness(self.summary(arm).mean)) for arms in choices]

    @property
    def metrics(self) -> list[str]:
        """The names of all metrics that any run has, the one compared by first."""
        rows = [row for arm in self.arms for run in arm.runs for row in (run.last, run.best)]
        return list(dict.fromkeys([self.metric.name, *(name for row in rows for name in row)]))

    def summary(self, arm: ArmResult) -> Summary | None:
        """Returns the statistics of an arm after its last step."""
        return arm.summary(self.metric.name)

    def goodness(self, value: float) -> float:
        """Returns the value, or its negative if less is better."""
        return value if self.metric.higher_is_better else -value
