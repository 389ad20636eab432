"""Names of MobileNet in timm, and of MobileNetV2 in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.mobilenet import MobileNetV1, MobileNetV2


def timm_v1(model: MobileNetV1) -> Rules:
    """timm counts stages from 0."""
    modules = {"conv1/conv": "conv_stem", "conv1/norm": "bn1", "head/dense": "classifier"}
    for stage in range(len(model.stages)):
        ours, theirs = rf"layer{stage + 1}_(\d+)", rf"blocks.{stage}.\1"
        modules |= {
            f"{ours}/depthwise/conv": f"{theirs}.conv_dw",
            f"{ours}/depthwise/norm": f"{theirs}.bn1",
            f"{ours}/pointwise/conv": f"{theirs}.conv_pw",
            f"{ours}/pointwise/norm": f"{theirs}.bn2",
        }
    return Rules(modules, classes="classifier.weight")


def torchvision_v2(model: MobileNetV2) -> Rules:
    """torchvision numbers the stem, the blocks and the last convolution in one row, and the steps of a block."""
    modules, number = {"conv1/conv": "features.0.0", "conv1/norm": "features.0.1"}, 1
    for stage, (expansion, _, count, _) in enumerate(model.stages, start=1):
        for index in range(count):
            modules |= _block(f"layer{stage}_{index}", f"features.{number}.conv", int(expansion != 1))
            number += 1
    modules |= {"conv2/conv": f"features.{number}.0", "conv2/norm": f"features.{number}.1"}
    return Rules(modules | {"head/dense": "classifier.1"}, classes="classifier.1.weight")


def _block(ours: str, theirs: str, depthwise: int) -> dict[str, str]:
    """Returns the names in a block, whose depthwise convolution has a number that tells whether one stands before."""
    return {
        f"{ours}/expand/conv": f"{theirs}.0.0",
        f"{ours}/expand/norm": f"{theirs}.0.1",
        f"{ours}/depthwise/conv": f"{theirs}.{depthwise}.0",
        f"{ours}/depthwise/norm": f"{theirs}.{depthwise}.1",
        f"{ours}/project/conv": f"{theirs}.{depthwise + 1}",
        f"{ours}/project/norm": f"{theirs}.{depthwise + 2}",
    }
