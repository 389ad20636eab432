"""Names of Inception-v3 in torchvision."""

from __future__ import annotations

import string

from deepvision.interop.rules.base import Rules
from deepvision.models.inception_v3 import InceptionV3

STEM = {
    "conv1": "Conv2d_1a_3x3",
    "conv2": "Conv2d_2a_3x3",
    "conv3": "Conv2d_2b_3x3",
    "conv4": "Conv2d_3b_1x1",
    "conv5": "Conv2d_4a_3x3",
}
# Our step (regular expression) -> theirs, by kind of module.
INCEPTION_A = {
    r"branch1_1": r"branch1x1",
    r"branch2_(\d)": r"branch5x5_\1",
    r"branch3_(\d)": r"branch3x3dbl_\1",
    r"branch4_2": r"branch_pool",
}
REDUCTION_A = {r"branch1_1": r"branch3x3", r"branch2_(\d)": r"branch3x3dbl_\1"}
INCEPTION_B = {
    r"branch1_1": r"branch1x1",
    r"branch2_(\d)": r"branch7x7_\1",
    r"branch3_(\d)": r"branch7x7dbl_\1",
    r"branch4_2": r"branch_pool",
}
REDUCTION_B = {r"branch1_(\d)": r"branch3x3_\1", r"branch2_(\d)": r"branch7x7x3_\1"}
INCEPTION_C = {
    r"branch1_1": r"branch1x1",
    r"branch2_(\d[ab]?)": r"branch3x3_\1",
    r"branch3_(\d[ab]?)": r"branch3x3dbl_\1",
    r"branch4_2": r"branch_pool",
}


def torchvision(model: InceptionV3) -> Rules:
    """torchvision; without an auxiliary classifier, theirs is passed over."""
    names = STEM | {r"aux/conv1": "AuxLogits.conv0", r"aux/conv2": "AuxLogits.conv1"}
    for ours, theirs, steps in _modules(model):
        names |= {f"{ours}/{step}": f"{theirs}.{name}" for step, name in steps.items()}
    modules = {f"{path}/conv": f"{name}.conv" for path, name in names.items()}
    modules |= {f"{path}/norm": f"{name}.bn" for path, name in names.items()}
    return Rules(
        {**modules, "aux/dense": "AuxLogits.fc", "head/dense": "fc"},
        classes="fc.weight",
        ignored=() if model.auxiliary_heads else (r"AuxLogits\..*",),
    )


def _modules(model: InceptionV3) -> list[tuple[str, str, dict[str, str]]]:
    """Returns (our name, theirs, steps) of every module; they count by letters, the reductions included."""
    first = [(f"inception_a{i}", INCEPTION_A) for i in range(1, len(model.projections) + 1)]
    second = [(f"inception_b{i}", INCEPTION_B) for i in range(1, len(model.inner) + 1)]
    third = [(f"inception_c{i}", INCEPTION_C) for i in range(1, model.modules_c + 1)]
    stages = (
        ("5", string.ascii_lowercase[1:], first),
        ("6", string.ascii_lowercase, [("reduction_a", REDUCTION_A), *second]),
        ("7", string.ascii_lowercase, [("reduction_b", REDUCTION_B), *third]),
    )
    return [
        (ours, f"Mixed_{stage}{letter}", steps)
        for stage, letters, modules in stages
        for (ours, steps), letter in zip(modules, letters, strict=False)
    ]
