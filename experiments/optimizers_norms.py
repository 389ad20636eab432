"""Does the best optimizer depend on the normalization?

Claim: with its learning rate tuned, no optimizer is best for all normalizations; without any, adaptive ones are.
Source: Choi et al. 2019, "On empirical comparisons of optimizers" (1910.05446), section 4: the comparison is decided by
    how the rate is tuned.
Command: python -m deepvision ablate --config experiments/optimizers_norms.py
    On CIFAR-10, for a GPU: --config experiments/optimizers_norms.py:full
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
        config.model.name = "cifar_resnet20"
        config.model.pool = None
        config.data.name = "cifar10"
        config.data.image_size = None
        config.data.augment = ("pad_crop(padding=4)", "flip")
        config.data.batch_size = 128
        config.optimizer.weight_decay = 1e-4
        config.train.epochs = 100.0
    config.data.train_split = "train[:80%]"
    config.data.validation_split = "train[80%:]"
    config.optimizer.clip_norm = 1.0
    config.ablation.axes = {
        "optimizer.name": ("sgd", "adam", "adamw", "lamb"),
        "model.norm": ("none", "batch", "layer"),
    }
    config.ablation.tune = {"optimizer.learning_rate": (0.001, 0.01, 0.1)}
    config.ablation.seeds = 3
    return config
