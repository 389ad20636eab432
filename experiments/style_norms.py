"""What does instance normalization do for the transfer of style?

Claim: a network that gives images a style reaches a lower loss, and sooner, with instance norm than with batch norm,
    since the contrast of an image is what its style replaces.
Source: Ulyanov, Vedaldi and Lempitsky 2016, "Instance normalization: the missing ingredient for fast stylization"
    (1607.08022), section 2; the network and the loss of Johnson et al. 2016 (1603.08155), 40,000 batches of 4.
Command: python -m deepvision ablate --config experiments/style_norms.py --config.data.path=/path/to/sets
    --config.style_transfer.image=style.jpg --config.style_transfer.weights=vgg16.safetensors
    The folder holds BSD100/ and Set5/. Without weights the loss looks through random ones. The paper's network, for a
    GPU: --config experiments/style_norms.py:full
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": small, "full": recipes.style_transfer})
    config.data.patches_per_image = 16
    config.train.steps = 40_000 if variant == "full" else 400
    config.train.eval_every_epochs = config.train.steps / 400 / 4
    config.ablation.axes = {"model.norm": ("none", "batch", "instance", "layer")}
    config.ablation.baseline = "batch"
    config.ablation.seeds = 3
    return config


def small() -> config_dict.ConfigDict:
    """Crops of 64x64, a network of a quarter of the channels with two units."""
    config = recipes.style_transfer()
    config.model.overrides = {"width": 8, "depth": 2}
    config.data.patch_size = 64
    return config
