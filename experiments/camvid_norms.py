"""Which normalization, where two images are all that fit into a batch?

Claim: with batches of two images, as high resolution leads to, batch normalization loses to those that look at one
    image, group normalization above all.
Source: Wu and He 2018, "Group normalization" (1803.08494), section 4.2, for detection and segmentation with one or two
    images per device; the data of Brostow et al. 2009, as Badrinarayanan et al. 2015 (1511.00561) use it: 367 frames
    to train on, 101 to choose by, 233 to test. Here everything is trained from scratch, and in the full variant the
    learning rate is tuned for every arm.
Command: python -m deepvision ablate --config experiments/camvid_norms.py --config.data.path=/path/to/CamVid
    Whole frames and ResNet-18, for a GPU: --config experiments/camvid_norms.py:full
Cost: `small`: 14 minutes on two CPU cores (AMD EPYC) that had other work beside it. Full: not yet measured.
Result: `small`, mean IoU on the 233 test frames over three seeds, with 95 % intervals: none 17.5 ± 0.8 %, group
    17.0 ± 1.5 %, batch 16.7 ± 3.3 %, instance 14.6 ± 4.8 %. None can be told from batch norm (differences from 6 points
    on could be): so little training neither refutes the claim nor bears it out.
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": small, "full": full})
    config.data.batch_size = 2
    config.ablation.baseline = "batch"
    config.ablation.seeds = 3
    return config


def full() -> config_dict.ConfigDict:
    config = recipes.street_scenes()
    config.train.epochs = 100.0
    config.train.eval_every_epochs = 20.0
    config.ablation.axes = {"model.norm": ("none", "batch", "group", "layer", "instance")}
    config.ablation.tune = {"optimizer.learning_rate": (3e-4, 1e-3)}
    return config


def small() -> config_dict.ConfigDict:
    """Crops of 128x128, a quarter of the channels, one learning rate for all, 734 updates."""
    config = recipes.street_scenes()
    config.model.overrides = {"encoder_overrides": {"width": 16}}
    config.data.patch_size = 128
    config.data.patches_per_image = 4
    config.train.epochs = 1.0
    config.train.eval_every_epochs = 1.0
    config.ablation.axes = {"model.norm": ("none", "batch", "group", "instance")}
    return config
