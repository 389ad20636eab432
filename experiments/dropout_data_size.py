"""How much dropout for how much data?

Claim: dropout helps most at a middling size of the training set: with very few examples it cannot, with very many it
    need not.
Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", section 7.4 and
    figure 10.
Command: python -m deepvision ablate --config experiments/dropout_data_size.py
    On MNIST: --config experiments/dropout_data_size.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: not yet measured
Result: not yet measured
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision.config import default_config


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = "mlp"
    config.data.name = "digits"
    config.data.batch_size = 64
    config.optimizer.learning_rate = 0.1
    config.schedule.warmup_epochs = 1.0
    config.train.eval_every_epochs = 10.0
    config.model.overrides = {"hidden": (256, 256)}
    sizes = (100, 300, 1000)
    if variant == "full":
        config.data.name = "mnist"
        config.model.overrides = {"hidden": (1024, 1024)}
        sizes = (100, 500, 1000, 5000, 10_000, 50_000)
    config.optimizer.clip_norm = 1.0
    config.train.steps = 600
    config.ablation.axes = {
        "data.train_split": tuple(f"train[:{size}]" for size in sizes),
        "model.dropout": (0.0, 0.2, 0.4, 0.6),
    }
    config.ablation.seeds = 4
    return config
