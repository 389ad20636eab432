"""What does each ingredient of the CIFAR-10 speed run give?

Claim: each is worth something alone; without it, the same epochs end below 94 %.
Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2404.00498), section 4, table 1: whitening,
    identity initialization, 64 times the rate on the biases of norms, freezing the whitening's bias, and lookahead, in
    this order, bring the epochs to 94 % from 35 down to 12. There one is added after another; here one is left out, and
    the epochs stay.
Command: python -m deepvision ablate --config experiments/cifar10_speedrun_ablation.py
    On all of CIFAR-10, for a GPU: --config experiments/cifar10_speedrun_ablation.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/cifar10.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes

PLAIN_INIT = "variance_scaling(scale=0.3333, distribution='uniform')"  # what the identity leaves other filters at


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.small_speed_run, "full": recipes.speed_run})
    config.ablation.arms = {
        "all": {},
        "no whitening": {
            "model.overrides": {**(config.model.overrides or {}), "whiten": False},
            "optimizer.groups": recipes.NORM_BIASES,
        },
        "no identity": {"model.init": PLAIN_INIT},
        "no fast biases": {"optimizer.groups": recipes.WHITENING_BIAS},
        "no freezing": {"optimizer.groups": (*recipes.NORM_BIASES, recipes.WHITENING_BIAS[1])},
        "no lookahead": {"train.averaging": None},
        "no flip": {"data.augment": config.data.augment[1:]},
    }
    config.ablation.seeds = 4 if variant == "small" else 20
    return config
