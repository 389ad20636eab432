"""Names of the EfficientNets in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.interop.rules.inverted import inverted_residual
from deepvision.models.efficientnet import EfficientNet, Stage


def torchvision(model: EfficientNet) -> Rules:
    modules = {"conv1/conv": "features.0.0", "conv1/norm": "features.0.1"}
    for number, stage in enumerate(map(Stage._make, model.stages), start=1):
        ours, theirs = rf"layer{number}_(\d+)", rf"features.{number}.\1.block"
        if stage.kind == "MBConv":
            modules |= inverted_residual(ours, theirs, stage.expansion != 1, squeezes=True)
        else:
            modules |= _fused(ours, theirs)
    last = len(model.stages) + 1
    modules |= {"conv2/conv": f"features.{last}.0", "conv2/norm": f"features.{last}.1", "head/dense": "classifier.1"}
    return Rules(modules, classes="classifier.1.weight", spatial={".*/attention/.*": 2})


def _fused(ours: str, theirs: str) -> dict[str, str]:
    return {
        f"{ours}/(?:conv|expand)/conv": f"{theirs}.0.0",
        f"{ours}/(?:conv|expand)/norm": f"{theirs}.0.1",
        f"{ours}/project/conv": f"{theirs}.1.0",
        f"{ours}/project/norm": f"{theirs}.1.1",
    }
