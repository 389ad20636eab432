"""How much dropout for how much data?

Claim: dropout helps most at a middling size of the training set: with very few examples it cannot, with very many it
    need not.
Source: Srivastava et al. 2014, "Dropout: a simple way to prevent neural networks from overfitting", section 7.4 and
    figure 10.
Command: python -m deepvision ablate --config experiments/dropout_data_size.py
    On MNIST: --config experiments/dropout_data_size.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: one minute on one CPU core
Result: with 300 examples every rate of dropout gains, most of all 0.4: +2.37 points; with 100 and with 1,000 no rate
    can be told from none (4 seeds, at 5 % after Holm's correction). experiments/results/dropout_data_size
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_perceptron, "full": recipes.mnist_perceptron})
    width, sizes = (1024, (100, 500, 1000, 5000, 10_000, 50_000)) if variant == "full" else (256, (100, 300, 1000))
    config.model.overrides = {"hidden": (width, width)}
    config.train.steps = 600
    config.train.eval_every_epochs = 10.0
    config.ablation.axes = {
        "data.train_split": tuple(f"train[:{size}]" for size in sizes),
        "model.dropout": (0.0, 0.2, 0.4, 0.6),
    }
    config.ablation.within = ("data.train_split",)
    config.ablation.seeds = 4
    return config
