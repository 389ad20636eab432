"""Does local response normalization help?

Claim: local response normalization does not improve a network that converges without it; batch normalization does.
Source: Krizhevsky et al. 2012, section 3.3 (it lowers the error by 1.4 points); Simonyan and Zisserman 2014, section
    2.3 (it does not).
Command: python -m deepvision ablate --config experiments/local_response.py
    On CIFAR-10, for a GPU: --config experiments/local_response.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

import functools

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    vgg = functools.partial(recipes.cifar10, "cifar_vgg16")
    config = recipes.variant(variant, {"small": recipes.digits_lenet, "full": vgg})
    config.ablation.axes = {"model.norm": ("none", "lrn", "lrn_within", "batch")}
    config.ablation.seeds = 4
    return config
