"""Names of ConvNeXt in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.convnext import ConvNeXt


def torchvision(model: ConvNeXt) -> Rules:
    """torchvision numbers stem, stages and what stands between them in one row, and the steps of a block."""
    modules = {"conv1": "features.0.0", "norm1": "features.0.1"}
    arrays = {}
    for stage in range(1, len(model.widths) + 1):
        ours, theirs = rf"layer{stage}_(\d+)", rf"features.{2 * stage - 1}.\1"
        modules |= {
            f"norm{stage + 1}": f"features.{2 * stage}.0",
            f"conv{stage + 1}": f"features.{2 * stage}.1",
            f"{ours}/conv": f"{theirs}.block.0",
            f"{ours}/norm": f"{theirs}.block.2",
            f"{ours}/mlp/fc1/dense": f"{theirs}.block.3",
            f"{ours}/mlp/fc2": f"{theirs}.block.5",
        }
        arrays[f"{ours}/layer_scale"] = f"{theirs}.layer_scale"
    modules |= {"norm": "classifier.0", "head": "classifier.2"}
    return Rules(modules, classes="classifier.2.weight", arrays=arrays, spatial={".*/layer_scale": 2})
