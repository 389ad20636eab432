"""DnCNN-S: removal of Gaussian noise of a known level, sigma 25.

Claim: 29.23 dB on BSD68.
Source: Zhang et al. 2017, "Beyond a Gaussian denoiser" (1608.03981), section IV and table II: 400 images of 180x180,
    128 x 1600 patches of 40x40 in an epoch, flips and rotations, 50 epochs in batches of 128. The paper trains by SGD
    from 0.1 down to 1e-4; the authors' later code by Adam at 1e-3, as here, with a cosine schedule. The paper also
    draws patches from images at 0.7 to 0.9 of their size.
Command: python -m deepvision train --config experiments/dncnn_s25.py --config.data.path=/path/to/sets
    The folder holds Train400/, BSD68/ and Set12/, of github.com/cszn/DnCNN. `experiments/dncnn_s25.py:small` is for two
    CPU cores. Weights from elsewhere:
    python -m deepvision evaluate --config experiments/dncnn_s25.py --weights net.npz --config.data.eval_split=Set12
Cost: `small`: 47 minutes of training on two CPU cores (AMD EPYC) that had other work beside it; a step takes 0.31 s on
    them when they have none. The full variant is not yet measured.
Result: `small`, seed 0: 28.64 dB on BSD68. Weights of others give what they give elsewhere: 30.40 dB on Set12
    and 29.21 dB on BSD68.
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "full") -> config_dict.ConfigDict:
    return recipes.variant(variant, {"full": full, "small": small})


def full() -> config_dict.ConfigDict:
    config = recipes.denoising()
    config.data.patches_per_image = 512
    config.train.epochs = 50.0
    return config


def small() -> config_dict.ConfigDict:
    """4,800 updates by batches of 8."""
    config = recipes.denoising()
    config.data.batch_size = 8
    config.data.patches_per_image = 16
    config.train.epochs = 6.0
    config.train.eval_every_epochs = 3.0
    return config
