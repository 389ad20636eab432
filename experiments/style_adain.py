"""May the decoder of arbitrary style transfer have a norm?

Claim: a decoder without any reaches a lower loss than one with instance or batch norm: adaptive instance norm has
    given its inputs the mean and the deviation of a style, and a norm behind it takes them away again.
Source: Huang and Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance normalization"
    (1703.06868), section 7.1, "Enc-AdaIN-INDec" and "Enc-AdaIN-BNDec"; section 6.2 for the training.
Command: python -m deepvision ablate --config experiments/style_adain.py --config.data.path=/path/to/sets
    --config.style_transfer.image=/path/to/paintings --config.style_transfer.weights=vgg19.safetensors
    The folder of sets holds BSD100/ and Set5/. Without weights the encoder is a random one. The paper's decoder, for a
    GPU: --config experiments/style_adain.py:full. Then, for any style:
    python -m deepvision predict --workdir FOLDER_OF_A_RUN --style painting.jpg --alpha 0.8 photos/ --out styled
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": small, "full": recipes.arbitrary_style_transfer})
    config.data.patches_per_image = 16
    config.train.steps = 160_000 if variant == "full" else 400
    config.train.eval_every_epochs = config.train.steps * config.data.batch_size / 1600 / 4
    config.ablation.axes = {"model.norm": ("none", "instance", "batch")}
    config.ablation.baseline = "none"
    config.ablation.metric = "loss"
    config.ablation.seeds = 3
    return config


def small() -> config_dict.ConfigDict:
    """Crops of 64x64, styles at 128x128, a decoder of a quarter of the channels."""
    config = recipes.arbitrary_style_transfer()
    config.model.overrides = {"width": 16}
    config.data.patch_size = 64
    config.style_transfer.image_size = 128
    config.optimizer.learning_rate = 1e-3
    return config
