"""Does attention behind residual branches help?

Claim: attention over channels (squeeze and excitation) helps a residual network at little cost; attention over
    positions adds little to it.
Source: Hu et al. 2018 (se), Woo et al. 2018 (cbam), Wang et al. 2020 (eca).
Command: python -m deepvision ablate --config experiments/attention_blocks.py
    On CIFAR-10, for a GPU: --config experiments/attention_blocks.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_resnet, "full": recipes.cifar10})
    config.ablation.axes = {"model.attention": ("none", "se", "eca", "cbam")}
    config.ablation.seeds = 4
    return config
