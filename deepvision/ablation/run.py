"""Runs an ablation: every arm that is not finished, one after the other, each with all its seeds at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation import folder
from deepvision.ablation.arms import Arm, axis_names, make_arms
from deepvision.ablation.metrics import get_metric
from deepvision.errors import UserError

# fit(config, seeds, workdir) trains one arm, or goes on where it stopped, and writes the run folder.
Fit = Callable[[config_dict.ConfigDict, tuple[int, ...], Path], Any]


def run(config: config_dict.ConfigDict, workdir: Path, fit: Fit, note: Callable[[str], None]) -> dict[str, str]:
    """Trains the arms of `config` in `workdir` and returns {name: reason} of those that failed.

    `workdir/ablation.json` names the arms in order; arm A has the run folder `workdir/arms/<A.slug>/`. A finished arm
    is left alone, an unfinished one goes on, a failed one is tried again. An arm that fails with a `UserError` (a norm
    that does not fit, a loss that is not finite) leaves the reason in `failure.json`, and the others go on.

    Raises:
        UserError: the axes make no grid, the metric is unknown, or an arm's folder holds a run with another config.
    """
    arms = make_arms(config)
    get_metric(config.ablation.metric)
    for arm in arms:
        folder.check_config(arm.config, path_of(workdir, arm))
    _write(workdir / "ablation.json", _description(config, arms))
    seeds = tuple(config.seed + i for i in range(config.ablation.seeds))
    failures = {}
    for number, arm in enumerate(arms, 1):
        path = path_of(workdir, arm)
        if folder.is_finished(path):
            note(f"arm {number}/{len(arms)}: {arm.name}: finished before")
            continue
        note(f"arm {number}/{len(arms)}: {arm.name}: {len(seeds)} seeds")
        reason = _try(arm, seeds, path, fit)
        if reason is not None:
            note(f"arm {number}/{len(arms)}: {arm.name}: failed: {reason}")
            failures[arm.name] = reason
    return failures


def path_of(workdir: Path, arm: Arm) -> Path:
    """Returns the run folder of an arm."""
    return workdir / "arms" / arm.slug


def _try(arm: Arm, seeds: tuple[int, ...], path: Path, fit: Fit) -> str | None:
    """Trains one arm; returns why it failed, or None."""
    path.mkdir(parents=True, exist_ok=True)
    failure = path / "failure.json"
    try:
        fit(arm.config, seeds, path)
    except UserError as error:
        _write(failure, {"arm": arm.name, "reason": str(error)})
        return str(error)
    failure.unlink(missing_ok=True)
    return None


def _description(config: config_dict.ConfigDict, arms: list[Arm]) -> dict[str, Any]:
    fields = list(config.ablation.axes)
    return {
        "name": config.name,
        "metric": config.ablation.metric,
        "fields": fields,
        "axes": axis_names(fields),
        "arms": [{"name": arm.name, "labels": arm.labels, "folder": f"arms/{arm.slug}"} for arm in arms],
    }


def _write(file: Path, content: dict[str, Any]) -> None:
    file.write_text(json.dumps(content, indent=2) + "\n")
