"""Names of the LeNets: those of their layers in the paper's figure."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.lenet import C3_CONNECTIONS, LeNet5, LeNet5Modern
from deepvision.models.lenet1 import LeNet1


def lenet1(model: LeNet1) -> Rules:
    modules = {r"(h[12])/conv(/inputs8)?": r"\1", "h3/dense": "h3", "head": "output"}
    return Rules(modules, classes="output.weight", flattened={"h3/dense": 12})


def lenet5(model: LeNet5) -> Rules:
    maps = range(len(C3_CONNECTIONS))
    seeing = {size: tuple(f"c3.{i}" for i in maps if len(C3_CONNECTIONS[i]) == size) for size in (3, 4, 6)}
    modules = {
        r"c([15])/conv": r"c\1",
        "c1/pool": "s2",
        **{f"c3/conv/inputs{size}": names for size, names in seeing.items()},
        "c3/conv": tuple(f"c3.{i}" for i in maps),
        "c3/pool": "s4",
        "f6/dense": "f6",
    }
    return Rules(modules, classes="rbf_codes", arrays={"output/codes": "rbf_codes"})


def lenet5_modern(model: LeNet5Modern) -> Rules:
    modules = {r"conv(\d)/conv": r"conv\1", r"fc(\d)/dense": r"fc\1", "head": "fc3"}
    return Rules(modules, classes="fc3.weight", flattened={"fc1/dense": 16})
