"""CIFAR-10 in seconds: whitened patches, the identity at first, fast biases, and an average that training returns to.

Claim: 94.0 % mean test accuracy after 9.9 epochs; by Muon, after 8. `small`: above 40 % of 2,000 test images.
Source: Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2404.00498), and the scripts airbench94.py and
    airbench94_muon.py of github.com/KellerJordan/cifar10-airbench: 94.01 % over 1,000 runs, 3.8 and 2.6 seconds on an
    A100. Here batches straddle epochs, so that no example is left out; `muon` lets the bias of the first layer learn at
    the rate of the others until it is frozen, where the script has a slope of its own. Images are mirrored by a coin
    and not by turns, and predictions are of one view and not the mean of six: sections 3.5 and 3.6 are left out.
Command: python -m deepvision train --config experiments/cifar10_speedrun.py --seeds 8
    TFDS downloads the set once. From a file instead:
    --config.data.name=npz --config.data.path=/path/to/cifar10.npz
    The variants `cifar10_speedrun.py:muon` and, for two CPU cores, `cifar10_speedrun.py:small`. In result.json,
    seconds_first_step_to_last_prediction is without compilation, which is seconds_to_compile.
    python -m experiments.benchmarks.speedrun repeats it, checked and timed.
Cost: not yet measured; `small`: 25 CPU seconds, compilation included.
Result: not yet measured; `small`: 47.2 %, one seed.
"""

from __future__ import annotations

from ml_collections import config_dict

from deepvision import recipes


def get_config(variant: str = "full") -> config_dict.ConfigDict:
    variants = {"full": recipes.speed_run, "muon": recipes.speed_run_by_muon, "small": recipes.small_speed_run}
    return recipes.variant(variant, variants)
