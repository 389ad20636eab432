"""Which normalization for a small network on handwritten digits?

Claim: at this size any normalization of activations learns faster than none; what each reaches in the end is in the
    table, and whether the differences are more than the luck of a seed is in its intervals.
Source: none to reproduce; the arms are Ioffe and Szegedy 2015 (batch), Ba et al. 2016 (layer), Wu and He 2018 (group),
    Ulyanov et al. 2016 (instance). Data and network: see digits.py.
Command: python -m deepvision ablate --config experiments/digits_norms.py
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config


def get_config() -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "lenet5_modern"
    config.data.name = "digits"
    config.data.image_size = 32
    config.data.batch_size = 64
    config.optimizer.name = "sgd"
    config.optimizer.learning_rate = 0.05
    config.optimizer.momentum = 0.9
    config.optimizer.weight_decay = 5e-4
    config.schedule.name = "cosine"
    config.schedule.warmup_epochs = 1.0
    config.train.epochs = 15.0
    config.ablation.axes = {"model.norm": ("none", "batch", "layer", "group", "instance")}
    config.ablation.seeds = 4
    return config
