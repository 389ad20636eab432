"""Super-resolution x3 without batch normalization.

Claim: 34.37 dB on the luma of Set5, where bicubic interpolation has 30.39 dB.
Source: Lim et al. 2017, "Enhanced deep residual networks" (1707.02921), section 4: 16 units of 64 channels, patches of
    48x48 that enter, batches of 16, flips and rotations, L1 loss, Adam at 1e-4, halved every 200,000 of 300,000
    updates; 800 images of DIV2K. The PSNR is that quoted for the weights of the authors' code.
Command: python -m deepvision train --config experiments/super_resolution_x3.py --config.data.path=/path/to/sets
    The folder holds DIV2K_train_HR/ and Set5/; all of DIV2K lies on the device, 10 GB.
    `experiments/super_resolution_x3.py:small` is for two CPU cores: 4 units of 32 channels on luma, learned from T91/.
Cost: `small`: 17 minutes on two CPU cores (AMD EPYC) that had other work beside it. Full: not yet measured.
Result: `small`, seed 0: 32.32 dB on Set5, where bicubic interpolation has 30.39 dB.
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "full") -> config_dict.ConfigDict:
    return recipes.variant(variant, {"full": full, "small": small})


def full() -> config_dict.ConfigDict:
    config = recipes.super_resolution("edsr_baseline_x3", channels=3)
    config.data.train_split = "DIV2K_train_HR"
    config.data.patch_size = 144
    config.data.patches_per_image = 20
    config.optimizer.learning_rate = 1e-4
    config.schedule.name = "step"
    config.schedule.boundaries = (200.0,)
    config.schedule.factor = 0.5
    config.train.epochs = 300.0
    config.train.eval_every_epochs = 10.0
    return config


def small() -> config_dict.ConfigDict:
    config = recipes.super_resolution("edsr_baseline_x3", channels=1)
    config.model.overrides = {"depth": 4, "width": 32}
    config.data.patch_size = 72
    config.data.patches_per_image = 64
    config.train.epochs = 20.0
    config.train.eval_every_epochs = 10.0
    return config
