"""Runs whose curves must not depend on how many processes and devices they are spread over.

By default three short ones; with DEEPVISION_TEST_TOPOLOGIES=all every network from both pipelines, 30 steps of each.
"""

from __future__ import annotations

import os

from ml_collections import ConfigDict

from tests.train.small import small_config

EVERYTHING = os.environ.get("DEEPVISION_TEST_TOPOLOGIES") == "all"
STEPS = 30 if EVERYTHING else 12
TOPOLOGIES = ((1, 1), (2, 4), (1, 8), (4, 2)) if EVERYTHING else ((1, 1), (2, 4))  # processes, devices of each

# All smooth: behind the kink of a ReLU or of a maximum, a rounding error grows to 1e-3 within so many steps.
NETWORKS = {
    "resnet": {"model__norm": "batch(scope='global')"},
    "vit": {
        "model__name": "vit_micro_patch4_32",
        "model__overrides": {"patch": 2, "width": 16, "depth": 2, "heads": 2},
        "model__norm": "layer",
        "model__act": "gelu",
        "data__augment": ("alternating_flip", "pad_crop(padding=1)"),
        "data__repeats": 2,
    },
    "lenet": {
        "model__name": "lenet5_modern",
        "model__overrides": None,
        "model__act": "tanh",
        "data__image_size": 16,
        "data__augment": ("random_resized_crop(scale=(0.6, 1.0))", "randaugment(magnitude=5)", "gaussian_noise"),
        "train__views": "multi_crop",
        "optimizer__learning_rate": 0.01,
    },
}
RUNS = (
    tuple((network, pipeline) for network in NETWORKS for pipeline in ("resident", "streaming"))
    if EVERYTHING
    else (("resnet", "resident"), ("vit", "streaming"), ("lenet", "resident"))
)


def configs() -> dict[str, ConfigDict]:
    """Returns the runs by name: no dropout, augmentation on, a ragged last batch of the evaluation at the end."""
    when = {"train__steps": STEPS, "train__eval_every_epochs": 3.0, "train__keep_best": False}
    return {
        f"{network}_{pipeline}": small_config(model__dropout=0.0, data__pipeline=pipeline, **(NETWORKS[network] | when))
        for network, pipeline in RUNS
    }
