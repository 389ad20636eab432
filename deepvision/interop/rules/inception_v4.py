"""Names of Inception-v4 and Inception-ResNet-v2 in timm, which counts branches and their steps from zero."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.layers.branches import Conv, Table
from deepvision.models import inception_resnet_v2, inception_v4
from deepvision.models.inception_resnet_v2 import InceptionResNetV2
from deepvision.models.inception_v4 import InceptionV4

STEM = {"conv1": "conv2d_1a", "conv2": "conv2d_2a", "conv3": "conv2d_2b", "conv4": "conv2d_3b", "conv5": "conv2d_4a"}


def v4(model: InceptionV4) -> Rules:
    """timm numbers the modules of its `features`."""
    sizes = model.stage_sizes
    _, middle, _ = inception_v4.stem_tables(model.small_images)
    modules = [
        *((f"inception_a{i}", inception_v4.INCEPTION_A) for i in range(1, sizes[0] + 1)),
        ("reduction_a", inception_v4.REDUCTION_A),
        *((f"inception_b{i}", inception_v4.INCEPTION_B) for i in range(1, sizes[1] + 1)),
        ("reduction_b", inception_v4.REDUCTION_B),
        *((f"inception_c{i}", inception_v4.INCEPTION_C) for i in range(1, sizes[2] + 1)),
    ]
    names = {f"conv{i}": f"features.{i - 1}" for i in (1, 2, 3)}
    names |= {"stem1/branch2_1": "features.3.conv", "stem3/branch1_1": "features.5.conv"}
    names |= _steps("stem2", "features.4", middle)
    for index, (module, table) in enumerate(modules, start=6):
        names |= _steps(module, f"features.{index}", table)
    return Rules(_units(names) | {"head/dense": "last_linear"}, classes="last_linear.weight")


def resnet_v2(model: InceptionResNetV2) -> Rules:
    """timm; its last residual unit stands alone."""
    names = STEM | {"conv6": "conv2d_7b"}
    names |= _steps("inception_a", "mixed_5b", inception_resnet_v2.INCEPTION)
    names |= _steps("reduction_b", "mixed_6a", inception_resnet_v2.REDUCTION_A)
    names |= _steps("reduction_c", "mixed_7a", inception_resnet_v2.REDUCTION_B)
    expands = {}
    theirs = {"a": "repeat", "b": "repeat_1", "c": "repeat_2"}
    for (letter, table, *_), units in zip(inception_resnet_v2.STAGES, model.stage_sizes, strict=True):
        for index in range(units):
            final = letter == "c" and index == units - 1
            name = "block8" if final else f"{theirs[letter]}.{index}"
            names |= _steps(f"unit_{letter}{index + 1}/branches", name, table)
            expands[f"unit_{letter}{index + 1}/expand"] = f"{name}.conv2d"
    return Rules({**_units(names), **expands, "head/dense": "classif"}, classes="classif.weight")


def _steps(ours: str, theirs: str, table: Table) -> dict[str, str]:
    """Returns our name -> theirs for every convolution of a module; branches that fork count their steps otherwise."""
    names = {}
    for branch, steps in enumerate(table):
        forks = any(isinstance(step, tuple) for step in steps)
        for index, step in enumerate(steps):
            place = f"{ours}/branch{branch + 1}_{index + 1}"
            name = f"{theirs}.branch{branch}" + ("" if len(steps) == 1 else f"{'_' if forks else '.'}{index}")
            if isinstance(step, Conv):
                names[place] = name
            elif isinstance(step, tuple):
                names |= {place + letter: name + letter for letter in "ab"}
    return names


def _units(names: dict[str, str]) -> dict[str, str]:
    """Returns the rules of convolutions and norms from those of units."""
    rules = {f"{ours}/conv": f"{theirs}.conv" for ours, theirs in names.items()}
    return rules | {f"{ours}/norm": f"{theirs}.bn" for ours, theirs in names.items()}
