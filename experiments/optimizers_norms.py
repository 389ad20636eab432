"""Does the best optimizer depend on the normalization?

Claim: with its learning rate tuned, no optimizer is best for all normalizations; without any, adaptive ones are.
Source: Choi et al. 2019, "On empirical comparisons of optimizers" (1910.05446), section 4: the comparison is decided by
    how the rate is tuned.
Command: python -m deepvision ablate --config experiments/optimizers_norms.py
    On CIFAR-10, for a GPU: --config experiments/optimizers_norms.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_lenet, "full": recipes.cifar10})
    config.data.train_split = "train[:80%]"
    config.data.validation_split = "train[80%:]"
    config.ablation.axes = {
        "optimizer.name": ("sgd", "adam", "adamw", "lamb"),
        "model.norm": ("none", "batch", "layer"),
    }
    config.ablation.tune = {"optimizer.learning_rate": (0.001, 0.01, 0.1)}
    config.ablation.within = ("optimizer.name",)
    config.ablation.seeds = 3
    return config
