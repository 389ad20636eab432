"""Names of the network of the speed run in github.com/KellerJordan/cifar10-airbench, legacy/airbench94.py."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.airbench import Airbench


def airbench(model: Airbench) -> Rules:
    modules = {"whiten": "0", "head": "7"}
    for stage, number in ((1, 2), (2, 3), (3, 4)):
        modules[rf"conv{stage}_([12])/conv"] = rf"{number}.conv\1"
        modules[rf"conv{stage}_([12])/norm"] = rf"{number}.norm\1"
    return Rules(modules, classes="7.weight", ignored=(r"[234]\.norm[12]\.weight",))  # ones, which nothing learned
