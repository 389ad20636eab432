"""What an ablation found: one `ArmResult` per row, one `Run` per seed, read back from the run folders alone.

A run folder holds the seeds that were trained together; `merge` unites the folders of several days or machines.
"""

from __future__ import annotations

import dataclasses
import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvision.ablation.metrics import Metric
from deepvision.ablation.statistics import Summary, summarize
from deepvision.errors import UserError
from deepvision.train.run_folder import read_json

# Axes that set the problem rather than the method: arms are compared within each of their values.
CONDITIONS = ("data.name",)
_NO_METRIC = ("seed", "step")  # of a row of result.json


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
    delta: float
    studies: tuple[Study, ...]
    notes: tuple[str, ...] = ()  # what a reader must know of how the folders were united

    @property
    def finished(self) -> list[ArmResult]:
        """The arms of which at least one seed has finished."""
        return [arm for arm in self.arms if arm.runs]

    @property
    def conditions(self) -> dict[tuple[str, ...], list[ArmResult]]:
        """The finished arms by the values of the axes in `CONDITIONS`; all under () if there is no such axis."""
        groups: dict[tuple[str, ...], list[ArmResult]] = {}
        for arm in self.finished:
            pairs = zip(self.fields, arm.labels, strict=True)
            groups.setdefault(tuple(label for field, label in pairs if field in CONDITIONS), []).append(arm)
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


@dataclasses.dataclass(frozen=True)
class Measured:
    """The metric of a finished run folder, over its seeds, and how long it took."""

    summary: Summary
    seconds: float


def is_finished(path: Path) -> bool:
    """A run is finished once it has written its result."""
    return (path / "result.json").is_file()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a run's metrics.jsonl; none if there are none yet, and no last row that a kill cut short."""
    file = path / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def read_measured(path: Path, metric: Metric) -> Measured:
    """Reads the metric of a finished run folder after its last step.

    Raises:
        UserError: it does not have the metric, or no seed has a finite value.
    """
    runs = read_runs(path)
    check_metric(runs, metric)
    values = [run.last[metric.name] for run in runs]
    if not values:
        raise UserError(f"{path} has no seed whose metrics are finite")
    return Measured(summarize(values), read_json(path / "result.json")["seconds"])


def check_metric(runs: list[Run], metric: Metric) -> None:
    """Makes sure that every run has the metric."""
    for run in runs:
        if metric.name not in run.last:
            raise UserError(f"{run.folder} has no metric {metric.name!r}; it has: {', '.join(sorted(run.last))}")


def read_arm(path: Path, name: str, recorded: Mapping[str, str], config: Mapping[str, Any]) -> ArmResult:
    """Reads the run folder of an arm, finished or not; `recorded` has its labels by field."""
    runs = {run.seed: run for run in read_runs(path)}
    planned = _planned(config) or tuple(runs)
    failures = {seed: reason for seed, reason in _failures(path, planned).items() if seed not in runs}
    pending = tuple(seed for seed in planned if seed not in runs and seed not in failures)
    environment = read_json(path / "environment.json") if (path / "environment.json").is_file() else {}
    return ArmResult(
        name=name,
        labels=tuple(recorded.values()),
        recorded=recorded,
        config=config,
        runs=tuple(runs[seed] for seed in sorted(runs)),
        failures=failures,
        pending=pending,
        costs=(_cost(path),) if is_finished(path) else (),
        environments=(environment,) if environment else (),
    )


def read_runs(path: Path) -> list[Run]:
    """Returns the seeds of a run folder that have finished with finite metrics."""
    if not is_finished(path):
        return []
    result = read_json(path / "result.json")
    failed = _failed_seeds(path)
    best = {row["seed"]: _numbers(row) for row in result["best"]}
    rows = {row["seed"]: _numbers(row) for row in result["last"] if row["seed"] not in failed}
    curves = _curves(path)
    return [
        Run(seed, row, best.get(seed, {}), curves.get(seed, {}), path) for seed, row in rows.items() if not _broken(row)
    ]


def _cost(path: Path) -> Cost:
    result = read_json(path / "result.json")
    return Cost(result["parameters"], result.get("macs"), result["images_per_second"], result["seconds"])


def _planned(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the seeds that an arm's config asks for."""
    if "seed" not in config or "ablation.seeds" not in config:
        return ()
    return tuple(config["seed"] + i for i in range(config["ablation.seeds"]))


def _failures(path: Path, planned: tuple[int, ...]) -> dict[int, str]:
    """Returns why seeds failed. A failure that names no seeds is one of all that have not finished."""
    failures = _failed_seeds(path)
    if is_finished(path):
        broken = {row["seed"]: _broken(_numbers(row)) for row in read_json(path / "result.json")["last"]}
        failures = {seed: f"{name} is not finite" for seed, name in broken.items() if name} | failures
    elif not failures and (path / "failure.json").is_file():
        failures = dict.fromkeys(planned, read_json(path / "failure.json")["reason"])
    return failures


def _failed_seeds(path: Path) -> dict[int, str]:
    """Returns the seeds that `failure.json` names, each with its reason."""
    if not (path / "failure.json").is_file():
        return {}
    return {int(seed): reason for seed, reason in read_json(path / "failure.json").get("seeds", {}).items()}


def _numbers(row: Mapping[str, Any]) -> dict[str, float]:
    """Returns the metrics of a row, which may hold other things beside."""
    return {name: value for name, value in row.items() if name not in _NO_METRIC and isinstance(value, int | float)}


def _broken(row: Mapping[str, float]) -> str | None:
    """Returns the name of a metric that is not finite, if there is one."""
    return next((name for name, value in row.items() if not math.isfinite(value)), None)


def _curves(path: Path) -> dict[int, dict[str, dict[float, float]]]:
    """Returns held-out metrics by seed, name and epoch."""
    curves: dict[int, dict[str, dict[float, float]]] = {}
    for row in read_metrics(path):
        if row["split"] == "eval":
            for name, value in _numbers(row).items():
                if name != "epoch":
                    curves.setdefault(row["seed"], {}).setdefault(name, {})[row["epoch"]] = value
    return curves
