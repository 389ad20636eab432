"""Reads the run folders of arms, finished or not. A run folder holds all seeds of an arm."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from deepvision.ablation.metrics import Metric
from deepvision.ablation.results import ArmResult, Cost, Ensemble, Run
from deepvision.ablation.statistics import Summary, summarize
from deepvision.errors import UserError
from deepvision.train.stored import METRICS, RESULT, read_json, read_lines

_NO_METRIC = ("seed", "step")  # of a row of result.json
FAILURE = {"reason": str, "diverged?": bool, "seeds?": dict}  # failure.json, of a seed or of an arm


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
    return read_lines(path / "metrics.jsonl", METRICS)


def read_result(path: Path) -> dict[str, Any]:
    """Returns the result.json of a run folder that has one."""
    return read_json(path / "result.json", RESULT)


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
    return Measured(summarize(values), read_result(path)["seconds"])


def check_metric(runs: list[Run], metric: Metric) -> None:
    """Makes sure that every run has the metric."""
    for run in runs:
        if metric.name not in run.last:
            raise UserError(f"{run.folder} has no metric {metric.name!r}; it has: {', '.join(sorted(run.last))}")


def read_arm(
    path: Path,
    name: str,
    recorded: Mapping[str, str],
    config: Mapping[str, Any],
    tried: tuple[Mapping[str, Any], ...] = (),
) -> ArmResult:
    """Reads the run folder of an arm, finished or not; `recorded` has its labels by field, `tried` is of tuning."""
    runs = {run.seed: run for run in read_runs(path)}
    planned = _planned(config) or tuple(runs)
    failures = {seed: reason for seed, reason in _failures(path, planned).items() if seed not in runs}
    pending = tuple(seed for seed in planned if seed not in runs and seed not in failures)
    environment = read_json(path / "environment.json", dict) if (path / "environment.json").is_file() else {}
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
        ensembles=_ensembles(path),
        tried=tried,
    )


def read_runs(path: Path) -> list[Run]:
    """Returns the seeds of a run folder that have finished with finite metrics."""
    if not is_finished(path):
        return []
    result = read_result(path)
    failed = _failed_seeds(path)
    best = {row["seed"]: _numbers(row) for row in result["best"]}
    rows = {row["seed"]: _numbers(row) for row in result["last"] if row["seed"] not in failed}
    curves = _curves(path)
    return [
        Run(seed, row, best.get(seed, {}), curves.get(seed, {}), path) for seed, row in rows.items() if not _broken(row)
    ]


def _cost(path: Path) -> Cost:
    result = read_result(path)
    return Cost(result["parameters"], result.get("macs"), result["images_per_second"], result["seconds"])


def _ensembles(path: Path) -> tuple[Ensemble, ...]:
    """Returns the ensemble of a run folder that has one."""
    result = read_result(path) if is_finished(path) else {}
    return (Ensemble(tuple(result["seeds"]), _numbers(result["ensemble"])),) if "ensemble" in result else ()


def _planned(config: Mapping[str, Any]) -> tuple[int, ...]:
    """Returns the seeds that an arm's config asks for."""
    if "seed" not in config or "ablation.seeds" not in config:
        return ()
    return tuple(config["seed"] + i for i in range(config["ablation.seeds"]))


def _failures(path: Path, planned: tuple[int, ...]) -> dict[int, str]:
    """Returns why seeds failed. A failure that names no seeds is one of all that have not finished."""
    failures = _failed_seeds(path)
    if is_finished(path):
        broken = {row["seed"]: _broken(_numbers(row)) for row in read_result(path)["last"]}
        failures = {seed: f"{name} is not finite" for seed, name in broken.items() if name} | failures
    elif not failures and (path / "failure.json").is_file():
        failures = dict.fromkeys(planned, read_json(path / "failure.json", FAILURE)["reason"])
    return failures


def _failed_seeds(path: Path) -> dict[int, str]:
    """Returns the seeds that `failure.json` names, each with its reason."""
    if not (path / "failure.json").is_file():
        return {}
    failure = read_json(path / "failure.json", FAILURE)
    return {int(seed): str(reason) for seed, reason in failure.get("seeds", {}).items() if seed.isdecimal()}


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
