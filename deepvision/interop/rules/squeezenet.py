"""Names of SqueezeNet in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.squeezenet import SqueezeNet


def torchvision(model: SqueezeNet) -> Rules:
    """torchvision numbers convolution, activation, fire modules and poolings in one row."""
    modules, number = {"conv1/conv": "features.0", "head": "classifier.1"}, 2
    for fire in range(2, len(model.fires) + 2):
        number += fire - 1 in model.pools
        modules[rf"fire{fire}/(\w+)/conv"] = rf"features.{number}.\1"
        number += 1
    return Rules(modules, classes="classifier.1.weight")
