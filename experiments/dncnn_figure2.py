"""Do batch normalization and residual learning help each other in denoising?

Claim: a denoiser trains fastest and ends best with both; either alone gains less, and what they gain together is more
    than the sum.
Source: Zhang et al. 2017, "Beyond a Gaussian denoiser" (1608.03981), figure 2: DnCNN at noise of 25 of 255, the mean
    PSNR on BSD68 over 50 epochs, with SGD and with Adam; here Adam alone. A network without residual learning returns
    the image in place of its noise.
Command: python -m deepvision ablate --config experiments/dncnn_figure2.py --config.data.path=/path/to/sets
    The folder holds Train400/ and BSD68/, of github.com/cszn/DnCNN. The paper's network and training, for a GPU:
    --config experiments/dncnn_figure2.py:full
Cost: `small`: 16 minutes on two CPU cores (AMD EPYC) that had other work beside it. Full: not yet measured.
Result: `small`, PSNR on Set12 over four seeds, with 95 % intervals: both 28.60 ± 0.07 dB, residual learning alone
    28.53 ± 0.10, neither 27.76 ± 0.21, batch norm alone 25.01 ± 1.02. The two need each other: without residual
    learning batch norm loses 2.8 dB. How much it adds to residual learning, 0.07 dB, 800 updates leave open.
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": small, "full": full})
    size = config.model.overrides or {}
    config.ablation.axes = {
        "model.norm": ("none", "batch"),
        "model.overrides": ({**size, "residual": False}, {**size, "residual": True}),
    }
    return config


def full() -> config_dict.ConfigDict:
    config = recipes.denoising()
    config.data.patches_per_image = 512
    config.train.epochs = 50.0
    config.ablation.seeds = 3
    return config


def small() -> config_dict.ConfigDict:
    """Eight layers of 32 channels, 800 updates by batches of 8."""
    config = recipes.denoising()
    config.model.overrides = {"depth": 8, "width": 32}
    config.data.batch_size = 8
    config.data.patches_per_image = 16
    config.data.eval_split = "Set12"
    config.train.epochs = 1.0
    config.train.eval_every_epochs = 0.25
    config.ablation.seeds = 4
    return config
