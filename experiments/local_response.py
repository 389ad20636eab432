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
    config.ablation.axes = {"model.norm": ("none", "lrn", "lrn_within", "batch")}
    config.ablation.seeds = 4
    return config
