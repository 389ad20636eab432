"""Which normalization at which batch size?

Claim: batch normalization loses accuracy as the batch shrinks, since its statistics become noise; group and layer
    normalization, which look at one example, do not.
Source: Wu and He 2018, "Group normalization" (1803.08494), figures 1 and 5. The learning rate is tuned for every arm on
    a part of the training split, since the best one changes with the batch.
Command: python -m deepvision ablate --config experiments/norms_batch_size.py
    On CIFAR-10, for a GPU: --config experiments/norms_batch_size.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: nine minutes on one to two CPU cores
Result: batch normalization loses 1.53 points to no norm at batches of 2 (p = 0.01 after Holm's correction, 8 seeds),
    and cannot be told from it at 8 and 64. Layer normalization loses nowhere; group
    normalization does at 64, by 2.86 points. The norm's effect depends on the batch (p < 0.001).
    experiments/results/norms_batch_size
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_lenet, "full": recipes.cifar10})
    config.data.train_split = "train[:80%]"
    config.data.validation_split = "train[80%:]"
    config.ablation.axes = {
        "model.norm": ("none", "batch", "layer", "group"),
        "data.batch_size": (2, 8, 64),
    }
    config.ablation.tune = {"optimizer.learning_rate": (0.003, 0.01, 0.03, 0.1)}
    config.ablation.within = ("data.batch_size",)
    config.ablation.seeds = 8
    return config
