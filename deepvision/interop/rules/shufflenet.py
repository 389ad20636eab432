"""Names of ShuffleNet, our own, and of ShuffleNetV2 in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.shufflenet import ShuffleNetV1, ShuffleNetV2


def shufflenet_v1(model: ShuffleNetV1) -> Rules:
    """The paper counts stages from 2."""
    modules = {"conv1/conv": "conv1", "conv1/norm": "bn1", "head/dense": "fc"}
    for stage in range(1, len(model.stages) + 1):
        modules |= {
            rf"layer{stage}_(\d+)/conv(\d)/conv": rf"stage{stage + 1}.\1.conv\2",
            rf"layer{stage}_(\d+)/conv(\d)/norm": rf"stage{stage + 1}.\1.bn\2",
        }
    return Rules(modules, classes="fc.weight")


def torchvision_v2(model: ShuffleNetV2) -> Rules:
    """torchvision counts stages from 2 and numbers every layer of a branch: convolution, norm, activation."""
    units = {
        "conv1": ("branch2", 0),
        "conv2": ("branch2", 3),
        "conv3": ("branch2", 5),
        "passing1": ("branch1", 0),
        "passing2": ("branch1", 2),
    }
    modules = {"head/dense": "fc"}
    for stem in ("conv1", "conv5"):
        modules |= {f"{stem}/conv": f"{stem}.0", f"{stem}/norm": f"{stem}.1"}
    for stage in range(1, len(model.stages) + 1):
        for unit, (branch, step) in units.items():
            ours, theirs = rf"layer{stage}_(\d+)/{unit}", rf"stage{stage + 1}.\1.{branch}"
            modules |= {f"{ours}/conv": f"{theirs}.{step}", f"{ours}/norm": f"{theirs}.{step + 1}"}
    return Rules(modules, classes="fc.weight")
