"""Up to which depth does an activation train?

Claim: a deep perceptron without normalization stops learning with the logistic sigmoid first, then with tanh; ReLU goes
    deepest, since its gradient does not vanish where it is active.
Source: Glorot and Bengio 2010, figures 2 and 3, and Glorot, Bordes and Bengio 2011 (relu).
Command: python -m deepvision ablate --config experiments/activations_depth.py
    On MNIST: --config experiments/activations_depth.py:full
    from a file: --config.data.name=npz --config.data.path=/path/to/FILE.npz
Cost: a minute and a quarter on one CPU core
Result: sigmoid falls from 97.6 % with one hidden layer to 42 % with 4, and to chance with 8 and 16; tanh and ReLU
    learn at every depth, and lose at most 1.4 points up to 16 (4 seeds). experiments/results/activations_depth
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "small") -> config_dict.ConfigDict:
    config = recipes.variant(variant, {"small": recipes.digits_perceptron, "full": recipes.mnist_perceptron})
    width = 1000 if variant == "full" else 64
    config.model.init = "lecun_normal"
    config.train.epochs = 30.0
    config.train.eval_every_epochs = 10.0
    config.ablation.arms = {
        f"{act}, {depth} hidden": {"model.act": act, "model.overrides": {"hidden": (width,) * depth}}
        for act in ("sigmoid", "tanh", "relu")
        for depth in (1, 4, 8, 16)
    }
    config.ablation.seeds = 4
    return config
