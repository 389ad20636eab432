"""Small experiments on real digits, for the laws of the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
from ml_collections import ConfigDict

from deepvision.build import build
from deepvision.config import default_config
from deepvision.train.loop import fit


def small_config(**changes: Any) -> ConfigDict:
    """A residual network of 5 k parameters with dropout and augmentation, for 20 steps of 48 digits.

    Args:
        changes: dotted fields with "__" for the dot, such as `model__norm="group"`.
    """
    config = default_config()
    config.model.name = "cifar_resnet20"
    config.model.overrides = {"width": 4, "stage_sizes": (1, 1, 1)}
    config.model.act = "silu"  # smooth: behind a kink, rounding errors can grow to 1e-3 within 20 steps
    config.model.dropout = 0.1
    config.data.batch_size = 48
    config.data.eval_batch_size = 160
    config.data.train_split = "train[:480]"
    config.data.augment = ("pad_crop(padding=1)", "flip")
    config.train.steps = 20
    config.train.eval_every_epochs = 0.5
    config.train.log_every_steps = 1
    with config.unlocked():
        config.update_from_flattened_dict({field.replace("__", "."): value for field, value in changes.items()})
    return config


def train(config: ConfigDict, workdir: Path, seeds: tuple[int, ...] = (0,)) -> dict[str, Any]:
    """Trains and returns result.json."""
    return fit(build(config, seeds), workdir)


def curve(workdir: Path, split: str = "train", metric: str = "loss", seed: int = 0) -> np.ndarray:
    """Returns a metric over the steps reported, as written in metrics.jsonl."""
    lines = [json.loads(line) for line in (workdir / "metrics.jsonl").read_text().splitlines()]
    return np.asarray([line[metric] for line in lines if line["split"] == split and line["seed"] == seed])
