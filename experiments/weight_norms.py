"""Can a normalization of weights stand for batch normalization?

Claim: weight normalization, spectral normalization, orthogonal kernels and singular value bounding train without batch
    normalization, but none reaches its accuracy.
Source: Salimans and Kingma 2016 (weight_norm), Miyato et al. 2018 (spectral_norm), Jia et al. 2017 (singular value
    bounding), Gitman and Ginsburg 2017 (1709.08145: weight against batch normalization at scale).
Command: python -m deepvision ablate --config experiments/weight_norms.py
    On CIFAR-10, for a GPU: --config experiments/weight_norms.py:full
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
    config.optimizer.clip_norm = 1.0
    config.model.norm = "none"
    config.ablation.arms = {
        "batch normalization": {"model.norm": "batch"},
        "none": {},
        "weight normalization": {"model.kernel": "weight_norm"},
        "spectral normalization": {"model.kernel": "spectral_norm"},
        "orthogonal": {"model.kernel": "orthogonal"},
        "singular value bounding": {"loss.projections": ("singular_value_bounding",)},
    }
    config.ablation.seeds = 4
    return config
