"""Cell membranes in electron microscopy, from 24 images.

Claim: U-Net learns to tell cells apart from 30 images, thanks to elastic deformation: a warping error of 0.000353 and a
    Rand error of 0.0382 on the challenge's own test images, whose labels are not public.
Source: Ronneberger et al. 2015, "U-Net" (1505.04597), sections 2 and 3, table 1: one 572x572 tile in a batch, momentum
    0.99, deformation by a 3x3 grid of vectors of 10 pixels; the weight of borders w0 = 10, sigma = 5. Here 24 of the 30
    images are trained on and the other 6 held out, with Adam; the scores are those of labels as they come out, without
    a threshold chosen for the score, and without thinning of borders: they are not those of the challenge.
Command: python -m deepvision train --config experiments/isbi_membranes.py --config.data.path=/path/to/membrane
    The folder holds train/image/ and train/label/, of github.com/zhixuhao/unet. `experiments/isbi_membranes.py:small`
    is for two CPU cores: a padded network with an eighth of the channels.
Cost: `small`: 4 minutes on two CPU cores (AMD EPYC). The full variant is not yet measured.
Result: `small`, seed 0, on the 6 images held out: foreground IoU 0.8771, mean Dice 0.8510, Rand score 0.7461, warping
    error 0.0074. A foreground IoU of 0.8771 is a Dice of 0.934; published on this stack, in a split of its own, is a
    Dice of 0.9411 by TMD-Unet (2021, PMC7825313, abstract).
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "full") -> config_dict.ConfigDict:
    return recipes.variant(variant, {"full": full, "small": small})


def full() -> config_dict.ConfigDict:
    config = recipes.membranes()
    config.model.name = "unet_2015"
    config.data.patch_size = 572
    config.data.margin = 92  # of which the network sees no label
    config.data.patches_per_image = 50
    config.data.batch_size = 1
    config.optimizer.learning_rate = 1e-4
    config.train.epochs = 20.0
    config.train.eval_every_epochs = 2.0
    return config


def small() -> config_dict.ConfigDict:
    config = recipes.membranes()
    config.model.name = "unet_padded"
    config.model.overrides = {"width": 8}
    config.data.patch_size = 128
    config.data.patches_per_image = 16
    config.data.batch_size = 8
    config.train.epochs = 20.0
    config.train.eval_every_epochs = 10.0
    return config
