"""Runs an ablation: every arm that is not finished, one after the other, each with all its seeds at once."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.arms import Arm, axis_names, make_arms
from deepvision.ablation.merge import find_arm
from deepvision.ablation.metrics import get_metric
from deepvision.ablation.results import is_finished, read_measured
from deepvision.errors import UserError
from deepvision.train.run_folder import differences, read_json, to_plain, write_json

# fit(config, seeds, workdir) trains one arm, or goes on where it stopped, and writes the run folder.
Fit = Callable[[config_dict.ConfigDict, tuple[int, ...], Path], Any]


@dataclasses.dataclass(frozen=True)
class Outcome:
    """What a call did: the arms it trained to the end, and the reasons of those that failed. Arms finished before are
    in neither."""

    trained: tuple[str, ...]
    failed: dict[str, str]


def run_arms(
    config: config_dict.ConfigDict,
    workdir: Path,
    fit: Fit,
    note: Callable[[str], None],
    claim: str = "",
    command: str = "",
) -> Outcome:
    """Trains the arms of `config` in `workdir`.

    `workdir/ablation.json` names the arms in order; arm A has the run folder `workdir/arms/<A.slug>/`. A finished arm
    is left alone, an unfinished one goes on, a failed one is tried again. An arm that fails with a `UserError` (a norm
    that does not fit, a loss that is not finite) leaves the reason in `failure.json`, and the others go on. What the
    comparison claims and the command it was started by are for the report.

    Raises:
        UserError: the axes make no grid, the metric or the baseline is unknown, or the folder of an arm holds a run
            with another config.
    """
    arms = make_arms(config)
    metric = get_metric(config.ablation.metric)
    find_arm(config.ablation.baseline, arms)
    for arm in arms:
        _check_same(arm, path_of(workdir, arm))
    write_json(workdir / "ablation.json", {"claim": claim, "command": command, **_description(config, arms)})
    seeds = tuple(config.seed + i for i in range(config.ablation.seeds))
    trained, failed = [], {}
    for number, arm in enumerate(arms, 1):
        path, head = path_of(workdir, arm), f"arm {number}/{len(arms)}: {arm.name}"
        if is_finished(path):
            note(f"{head}: finished before")
            continue
        note(f"{head}: {len(seeds)} seeds")
        reason = _try(arm, seeds, path, fit)
        if reason is None:
            trained.append(arm.name)
            measured = read_measured(path, metric)
            note(f"{head}: {metric.heading} {metric.write_mean(measured.summary)}, {measured.seconds:,.0f} s")
        else:
            failed[arm.name] = reason
            note(f"{head}: failed: {reason}")
    return Outcome(tuple(trained), failed)


def path_of(workdir: Path, arm: Arm) -> Path:
    """Returns the run folder of an arm."""
    return workdir / "arms" / arm.slug


def _check_same(arm: Arm, path: Path) -> None:
    """Makes sure, before anything is trained, that the folder of an arm is free or holds a run of the same config."""
    file = path / "config.json"
    different = differences(to_plain(arm.config), read_json(file)) if file.is_file() else []
    if different:
        raise UserError(
            f"{path} holds a run with another config: {'; '.join(different)}."
            " Choose another --workdir, or remove this one"
        )


def _try(arm: Arm, seeds: tuple[int, ...], path: Path, fit: Fit) -> str | None:
    """Trains one arm; returns why it failed, or None."""
    path.mkdir(parents=True, exist_ok=True)
    failure = path / "failure.json"
    try:
        fit(arm.config, seeds, path)
    except UserError as error:
        write_json(failure, {"arm": arm.name, "reason": str(error)})
        return str(error)
    failure.unlink(missing_ok=True)
    return None


def _description(config: config_dict.ConfigDict, arms: list[Arm]) -> dict[str, Any]:
    fields = list(config.ablation.axes)
    return {
        "name": config.name,
        "metric": config.ablation.metric,
        "baseline": config.ablation.baseline,
        "delta": config.ablation.delta,
        "fields": fields,
        "axes": axis_names(fields),
        "arms": [
            {"name": a.name, "labels": a.labels, "folder": f"arms/{a.slug}", "config": to_plain(a.config)} for a in arms
        ],
    }
