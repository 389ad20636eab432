"""Ablations made up for the tests: run folders as the engine writes them, without training."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.folders import path_of
from deepvision.ablation.run import checked_arms, describe_arms
from deepvision.config import default_config
from deepvision.errors import UserError

# Accuracy of every seed after the last step: differences between arms have a spread, if hardly any.
ACCURACIES = {"none": (0.90, 0.92 - 1e-11), "batch": (0.97, 0.99), "layer": (0.96, 0.98)}


def config(norms: tuple[str, ...] = tuple(ACCURACIES)) -> config_dict.ConfigDict:
    """Returns an ablation over norms with two seeds, 5 and 6."""
    made = default_config()
    made.name = "study"
    made.seed = 5
    made.ablation.axes = {"model.norm": norms}
    made.ablation.seeds = 2
    return made


def fit(arm: config_dict.ConfigDict, seeds: tuple[int, ...], path: Path) -> None:
    """Writes what a finished run leaves behind."""
    accuracies = ACCURACIES[arm.model.norm]
    rows = []
    for step, share in ((10, 0.5), (20, 1.0)):
        for seed, accuracy in zip(seeds, accuracies, strict=True):
            row = {"step": step, "epoch": step / 10, "split": "eval", "seed": seed}
            rows.append(row | {"loss": 1 - share * accuracy, "accuracy": share * accuracy})
    last = [{"seed": s, "step": 20, "loss": 1 - a, "accuracy": a} for s, a in zip(seeds, accuracies, strict=True)]
    result = {
        "name": arm.name,
        "model": arm.model.name,
        "parameters": 61_706,
        "seeds": seeds,
        "last": last,
        "best": last,
        "images_per_second": 1234.5,
        "seconds": 6.0,
    }
    path.mkdir(parents=True, exist_ok=True)
    (path / "config.json").write_text(json.dumps(arm.to_dict()))
    (path / "metrics.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (path / "result.json").write_text(json.dumps(result))


def write(
    config: config_dict.ConfigDict, folder: Path, fit: Callable[..., Any], claim: str = "", command: str = ""
) -> None:
    """Writes the folder of an ablation; `fit(config, seeds, path)` writes that of an arm, or raises why it failed."""
    arms, _ = checked_arms(config)
    description = {"claim": claim, "command": command, **describe_arms(config, arms)}
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "ablation.json").write_text(json.dumps(description))
    for arm in arms:
        path = path_of(folder, arm)
        path.mkdir(parents=True, exist_ok=True)
        try:
            fit(arm.config, tuple(config.seed + i for i in range(config.ablation.seeds)), path)
        except UserError as error:
            (path / "failure.json").write_text(json.dumps({"arm": arm.name, "reason": str(error)}))
