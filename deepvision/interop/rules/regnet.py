"""Names of the RegNets in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.regnet import RegNetY


def torchvision(model: RegNetY) -> Rules:
    """torchvision counts stages from 1 and blocks from 0, and names the stage twice."""
    ours, theirs = r"layer(\d)_(\d+)", r"trunk_output.block\1.block\1-\2"
    modules = {
        "conv1/conv": "stem.0",
        "conv1/norm": "stem.1",
        f"{ours}/shortcut/conv": f"{theirs}.proj.0",
        f"{ours}/shortcut/norm": f"{theirs}.proj.1",
        f"{ours}/conv2/attention/reduce/dense": f"{theirs}.f.se.fc1",
        f"{ours}/conv2/attention/expand": f"{theirs}.f.se.fc2",
        "head/dense": "fc",
    }
    for number, letter in enumerate("abc", start=1):
        modules |= {
            f"{ours}/conv{number}/conv": f"{theirs}.f.{letter}.0",
            f"{ours}/conv{number}/norm": f"{theirs}.f.{letter}.1",
        }
    return Rules(modules, classes="fc.weight", spatial={".*/attention/.*": 2})
