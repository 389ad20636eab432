"""Whole ablations made up for the tests of the report: any axes, any numbers, failures, other machines."""

from __future__ import annotations

import json
import zlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import config_dict

from deepvision.ablation.arms import make_arms
from deepvision.ablation.fields import set_field
from deepvision.ablation.folders import path_of
from deepvision.config import default_config
from deepvision.errors import UserError
from tests.ablation import made_up

CLAIM = """Which of them is better?

Claim: the second <one>,
    by far.
Source: none.
"""
Value = Callable[[config_dict.ConfigDict, int], float]


def write(
    folder: Path,
    axes: Mapping[str, tuple[Any, ...]],
    value: Value,
    seeds: int = 4,
    changes: Mapping[str, Any] | None = None,
    failures: Mapping[str, Mapping[int, str]] | None = None,
    machine: str = "Linux x86_64, 2 cores",
) -> Path:
    """Writes the folders of an ablation.

    Args:
        value: the accuracy of an arm and seed; not a number: the whole arm fails.
        changes: fields of the config.
        failures: by a label of an arm, seeds with the reasons for which they failed.
        machine: of environment.json.
    """
    config = default_config()
    config.name = "study"
    config.ablation.axes = dict(axes)
    config.ablation.seeds = seeds
    for field, changed in (changes or {}).items():
        set_field(config, field, changed)

    def failed(name: str) -> Mapping[int, str]:
        return next((reasons for word, reasons in (failures or {}).items() if word in name), {})

    def fit(arm: config_dict.ConfigDict, trained: tuple[int, ...], path: Path) -> None:
        accuracies = {seed: value(arm, seed) for seed in trained if seed not in failed(arm.name)}
        if np.isnan(list(accuracies.values())).any():
            raise UserError("loss is not finite at step 7")
        _write_run(path, arm, accuracies, machine)

    folder.mkdir(parents=True, exist_ok=True)
    made_up.write(config, folder, fit, CLAIM, "python -m deepvision ablate --config study.py")
    for arm in make_arms(config):
        reasons = {str(seed): reason for seed, reason in failed(arm.name).items()}
        if reasons:
            content = {"arm": arm.name, "reason": "some seeds failed", "seeds": reasons}
            (path_of(folder, arm) / "failure.json").write_text(json.dumps(content))
    return folder


def noise(arm: config_dict.ConfigDict, seed: int) -> float:
    """Returns a standard normal number: a function of the arm's name and the seed."""
    return float(np.random.default_rng([zlib.crc32(arm.name.encode()), seed]).normal())


def _write_run(path: Path, arm: config_dict.ConfigDict, accuracies: Mapping[int, float], machine: str) -> None:
    rows, last = [], []
    for seed, accuracy in accuracies.items():
        for epoch in (1.0, 2.0, 3.0, 4.0):
            share = 1 - 0.5**epoch
            row = {"step": int(10 * epoch), "epoch": epoch, "split": "eval", "seed": seed}
            rows.append(row | {"loss": 1 - share * accuracy, "accuracy": share * accuracy})
        last.append({"seed": seed, "step": 40, "loss": 1 - accuracy, "accuracy": accuracy, "margin": 3 * accuracy})
    cost = 1 + zlib.crc32(arm.name.encode()) % 7
    result = {
        "name": arm.name,
        "model": arm.model.name,
        "parameters": 10_000 * cost,
        "macs": 44_040 * cost**2,
        "seeds": list(accuracies),
        "last": last,
        "best": last,
        "images_per_second": 1234.5 * cost,
        "seconds": 6.0,
    }
    environment = {"command": "x", "python": "3.11", "packages": {"jax": "0.10.2"}, "devices": ["cpu cpu"]}
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(arm.to_dict()))
    (path / "environment.json").write_text(json.dumps(environment | {"machine": machine}))
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "result.json").write_text(json.dumps(result))
