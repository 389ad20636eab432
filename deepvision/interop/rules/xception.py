"""Names of Xception in timm."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.xception import Xception


def timm(model: Xception) -> Rules:
    """timm (legacy_xception), which numbers the steps of a branch; that of the first block opens without activation."""
    modules = {
        r"conv([12])/conv": r"conv\1",
        r"conv([34])/depthwise": r"conv\1.conv1",
        r"conv([34])/conv": r"conv\1.pointwise",
        r"conv(\d)/norm": r"bn\1",
        r"(block\d+)/shortcut/conv": r"\1.skip",
        r"(block\d+)/shortcut/norm": r"\1.skipbn",
        "head/dense": "fc",
    }
    for number in (1, 2, 3):
        for block, index in {"block1": 3 * number - 3, r"block\d+": 3 * number - 2}.items():
            modules |= {
                rf"({block})/conv{number}/depthwise": rf"\1.rep.{index}.conv1",
                rf"({block})/conv{number}/conv": rf"\1.rep.{index}.pointwise",
                rf"({block})/conv{number}/norm": rf"\1.rep.{index + 1}",
            }
    return Rules(modules, classes="fc.weight")
