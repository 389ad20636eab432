"""Names of the multilayer perceptron: our own."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.mlp import MLP


def mlp(model: MLP) -> Rules:
    modules = {r"fc(\d+)/dense": r"fc\1", "head": "head"}
    channels = {"fc1/dense": model.image_shape[-1]} if model.hidden else {"head": model.image_shape[-1]}
    return Rules(modules, classes="head.weight", flattened=channels)
