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

from ml_collections import config_dict

from deepvision.config import default_config


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "lenet5_modern"
    config.model.act = "relu"
    config.model.pool = "max"
    config.data.name = "digits"
    config.data.image_size = 16
    config.data.batch_size = 64
    config.optimizer.learning_rate = 0.1
    config.optimizer.weight_decay = 1e-3
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 10.0
    config.train.eval_every_epochs = 5.0
    if variant == "full":
        config.model.name = "cifar_vgg16"
        config.data.name = "cifar10"
        config.data.image_size = None
        config.data.augment = ("pad_crop(padding=4)", "flip")
        config.data.batch_size = 128
        config.optimizer.weight_decay = 1e-4
        config.train.epochs = 100.0
    config.ablation.axes = {"model.pool": ("max", "avg", "lp", "mixed", "stochastic", "blur", "subsampling")}
    config.ablation.seeds = 4
    return config
