"""Which pooling over windows?

Claim: which pooling it is matters less than that there is one: all but plain subsampling are told apart by little.
Source: Boureau, Ponce and LeCun 2010 (max and average); Scherer, Mueller and Behnke 2010 (subsampling); Lee et al. 2016
    (mixed); Zeiler and Fergus 2013 (stochastic); Sermanet et al. 2012 (lp); Zhang 2019 (blur).
Command: python -m deepvision ablate --config experiments/poolings.py
    On CIFAR-10, for a GPU: --config experiments/poolings.py:full
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
    config.ablation.axes = {"model.pool": ("max", "avg", "lp", "mixed", "stochastic", "blur", "subsampling")}
    config.ablation.seeds = 4
    return config
