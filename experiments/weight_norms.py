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

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_lenet, "full": recipes.cifar10})
    config.model.norm = "none"
    config.ablation.arms = {
        "batch normalization": {"model.norm": "batch"},
        "none": {},
        "weight normalization": {"model.kernel": "weight_norm"},
        "spectral normalization": {"model.kernel": "spectral_norm"},
        "orthogonal": {"model.kernel": "orthogonal"},
        "orthogonal penalty": {"loss.regularizers": ("orthogonal(scale=1e-4)",)},
        "singular value bounding": {"loss.projections": ("singular_value_bounding",)},
    }
    config.ablation.seeds = 4
    return config
