"""Names of MnasNet in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.mnasnet import MnasNet


def torchvision(model: MnasNet) -> Rules:
    """torchvision numbers every layer: convolution, norm, activation; those of the separable convolution in its row."""
    modules = {
        "conv1/conv": "layers.0",
        "conv1/norm": "layers.1",
        "layer1_0/depthwise/conv": "layers.3",
        "layer1_0/depthwise/norm": "layers.4",
        "layer1_0/project/conv": "layers.6",
        "layer1_0/project/norm": "layers.7",
    }
    steps = {"expand": 0, "depthwise": 3, "project": 6}
    for stage in range(2, len(model.stages) + 1):
        for unit, step in steps.items():
            ours, theirs = rf"layer{stage}_(\d+)/{unit}", rf"layers.{stage + 6}.\1.layers"
            modules |= {f"{ours}/conv": f"{theirs}.{step}", f"{ours}/norm": f"{theirs}.{step + 1}"}
    last = len(model.stages) + 7
    modules |= {"conv2/conv": f"layers.{last}", "conv2/norm": f"layers.{last + 1}", "head/dense": "classifier.1"}
    return Rules(modules, classes="classifier.1.weight")
