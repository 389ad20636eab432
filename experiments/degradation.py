"""Do deeper networks train worse, and do shortcuts mend it?

Claim: a plain network gets worse on its training data as it deepens; a residual one of the same size does not.
Source: He et al. 2015, "Deep residual learning for image recognition" (1512.03385), figures 1 and 6: 20 to 56 layers.
Command: python -m deepvision ablate --config experiments/degradation.py
    On CIFAR-10, for a GPU: --config experiments/degradation.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: three and a half minutes on one CPU core
Result: 20 plain layers lose 2.12 points of 98.50 % to 8 (p = 0.03 after Holm's correction, 5 seeds); 20 residual ones
    reach 98.66 %. Shortcuts do nothing for 8 layers. experiments/results/degradation
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_resnet, "full": recipes.cifar10})
    units, width = ((3, 5, 7, 9), 16) if variant == "full" else ((1, 3), 4)  # residual units per stage
    config.ablation.arms = {
        f"{kind}, {6 * n + 2} layers": {
            "model.name": f"cifar_{kind}20",
            "model.overrides": {"width": width, "stage_sizes": (n,) * 3},
        }
        for n in units
        for kind in ("plain", "resnet")
    }
    config.ablation.seeds = 5
    return config
