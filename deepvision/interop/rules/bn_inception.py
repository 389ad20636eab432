"""Names of BN-Inception: our own, and those of Caffe's model in pretrainedmodels."""

from __future__ import annotations

import string

from deepvision.interop.rules.base import Rules
from deepvision.models.bn_inception import BNInception

STEPS = {  # branch and step of a whole module -> our own name, that of Caffe
    (1, 1): ("b1", "1x1"),
    (2, 1): ("b2.0", "3x3_reduce"),
    (2, 2): ("b2.1", "3x3"),
    (3, 1): ("b3.0", "double_3x3_reduce"),
    (3, 2): ("b3.1", "double_3x3_1"),
    (3, 3): ("b3.2", "double_3x3_2"),
    (4, 2): ("b4", "pool_proj"),
}


def by_number(model: BNInception) -> Rules:
    """Our own."""
    names = {"conv1": "conv1", "conv2_reduce": "conv2_reduce", "conv2": "conv2"}
    names |= {path: f"i{place}.{own}" for path, place, (own, _) in _steps(model)}
    modules = {f"{path}/conv": f"{name}.conv" for path, name in names.items()}
    modules |= {f"{path}/norm": f"{name}.bn" for path, name in names.items()}
    return Rules({**modules, "head/dense": "fc", **_attention(r"i\1.se")}, classes="fc.weight")


def caffe(model: BNInception) -> Rules:
    """pretrainedmodels."""
    names = {"conv1": "conv1_7x7_s2", "conv2_reduce": "conv2_3x3_reduce", "conv2": "conv2_3x3"}
    names |= {path: f"inception_{place}_{name}" for path, place, (_, name) in _steps(model)}
    modules = {f"{path}/conv": name for path, name in names.items()}
    modules |= {f"{path}/norm": f"{name}_bn" for path, name in names.items()}
    modules |= {"head/dense": "last_linear", **_attention(r"inception_\1_se")}
    return Rules(modules, classes="last_linear.weight", biased=True)


def _steps(model: BNInception) -> list[tuple[str, str, tuple[str, str]]]:
    """Returns (path, place such as "3a", names) of every convolution; modules that halve have no first branch."""
    found = []
    for stage, rows in enumerate(model.stages, start=3):
        for row, letter in zip(rows, string.ascii_lowercase, strict=False):
            missing = 0 if row[0] else 1
            for (branch, step), names in STEPS.items():
                if branch > missing:
                    place = f"{stage}{letter}"
                    found.append((f"inception{place}/branch{branch - missing}_{step}", place, names))
    return found


def _attention(module: str) -> dict[str, str]:
    """Returns the rules of squeeze-and-excitation behind the modules, which no other library has."""
    return {
        r"inception(\w\w)/attention/reduce/dense": rf"{module}.reduce",
        r"inception(\w\w)/attention/expand": rf"{module}.expand",
    }
