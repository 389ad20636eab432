"""What an ablation found, read back from its run folders alone."""

from __future__ import annotations

import dataclasses
import json
from collections import defaultdict
from pathlib import Path
from typing import Any

from deepvision.ablation.metrics import Metric, get_metric
from deepvision.ablation.statistics import Summary, summarize
from deepvision.errors import UserError
from deepvision.train.run_folder import read_json


@dataclasses.dataclass(frozen=True)
class Curve:
    """A metric on the held-out split along training: one point per evaluation, one value per seed at each."""

    epochs: tuple[float, ...]
    values: tuple[tuple[float, ...], ...]


@dataclasses.dataclass(frozen=True)
class Measured:
    """A finished arm: the metric of every seed after its last step, and what the arm costs."""

    seeds: tuple[int, ...]
    values: tuple[float, ...]
    summary: Summary
    parameters: int
    images_per_second: float  # in training, summed over the seeds trained together
    seconds: float
    curve: Curve


@dataclasses.dataclass(frozen=True)
class ArmResult:
    """One row of the table: `measured`, or why there is nothing."""

    name: str
    labels: tuple[str, ...]
    measured: Measured | None
    failure: str | None


@dataclasses.dataclass(frozen=True)
class Results:
    """An ablation's rows in the order in which its arms were given."""

    name: str
    metric: Metric
    axes: tuple[str, ...]
    arms: tuple[ArmResult, ...]

    @property
    def finished(self) -> list[ArmResult]:
        return [arm for arm in self.arms if arm.measured]

    @property
    def best(self) -> ArmResult | None:
        """The finished arm with the best mean; the first of them if several share it."""
        sign = 1.0 if self.metric.higher_is_better else -1.0
        return max(self.finished, key=lambda arm: sign * arm.measured.summary.mean, default=None)


def read_results(workdir: Path) -> Results:
    """Reads `workdir/ablation.json` and the folders of the arms it names.

    Raises:
        UserError: there is no ablation, or a finished arm does not have the metric.
    """
    if not (workdir / "ablation.json").is_file():
        raise UserError(f"{workdir} holds no ablation: there is no {workdir / 'ablation.json'}")
    description = read_json(workdir / "ablation.json")
    metric = get_metric(description["metric"])
    arms = tuple(_read_arm(workdir / arm["folder"], arm, metric) for arm in description["arms"])
    return Results(description["name"], metric, tuple(description["axes"]), arms)


def is_finished(path: Path) -> bool:
    """A run is finished once it has written its result."""
    return (path / "result.json").is_file()


def read_metrics(path: Path) -> list[dict[str, Any]]:
    """Returns the rows of a run's metrics.jsonl; none if there are none yet, and no last row that a kill cut short."""
    file = path / "metrics.jsonl"
    lines = file.read_text().splitlines(keepends=True) if file.is_file() else []
    return [json.loads(line) for line in lines if line.endswith("\n")]


def _read_arm(path: Path, arm: dict[str, Any], metric: Metric) -> ArmResult:
    labels = tuple(arm["labels"])
    if is_finished(path):
        return ArmResult(arm["name"], labels, read_measured(path, metric), None)
    failed = (path / "failure.json").is_file()
    reason = f"failed: {read_json(path / 'failure.json')['reason']}" if failed else "not finished"
    return ArmResult(arm["name"], labels, None, reason)


def read_measured(path: Path, metric: Metric) -> Measured:
    """Reads a finished run.

    Raises:
        UserError: it does not have the metric.
    """
    result = read_json(path / "result.json")
    last = result["last"]
    if any(metric.name not in row for row in last):
        names = ", ".join(sorted(last[0].keys() - {"seed", "step"}))
        raise UserError(f"{path} has no metric {metric.name!r}; it has: {names}")
    values = tuple(row[metric.name] for row in last)
    return Measured(
        seeds=tuple(row["seed"] for row in last),
        values=values,
        summary=summarize(values),
        parameters=result["parameters"],
        images_per_second=result["images_per_second"],
        seconds=result["seconds"],
        curve=_curve(path, metric),
    )


def _curve(path: Path, metric: Metric) -> Curve:
    points: dict[float, list[float]] = defaultdict(list)
    for row in read_metrics(path):
        if row["split"] == "eval" and metric.name in row:
            points[row["epoch"]].append(row[metric.name])
    epochs = tuple(sorted(points))
    return Curve(epochs, tuple(tuple(points[epoch]) for epoch in epochs))
