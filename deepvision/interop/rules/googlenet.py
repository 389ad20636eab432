"""Names of GoogLeNet in torchvision, and of the paper's form our own."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.layers.branches import scaled
from deepvision.models.googlenet import GoogLeNet, GoogLeNetBN


def googlenet_2014(model: GoogLeNet) -> Rules:
    """The branches by the kernels of their last convolutions."""
    modules = {
        r"(conv\w+)/conv": r"\1",
        r"inception(\w\w)/branch1_1/conv": r"i\1.branch1",
        r"inception(\w\w)/branch([23])_1/conv": r"i\1.branch\2_reduce",
        r"inception(\w\w)/branch([234])_2/conv": r"i\1.branch\2",
        r"(aux\d)/conv/conv": r"\1.conv",
        r"(aux\d)/fc1/dense": r"\1.fc1",
        r"(aux\d)/fc2": r"\1.fc2",
        "head/dense": "fc",
    }
    return _with_heads(model, modules)


def googlenet(model: GoogLeNetBN) -> Rules:
    """torchvision, which counts the steps of a branch from zero, but not where there is one alone."""
    modules = {}
    for ours, theirs in {"conv": "conv", "norm": "bn"}.items():
        modules |= {
            f"conv1/{ours}": f"conv1.{theirs}",
            f"conv2_reduce/{ours}": f"conv2.{theirs}",
            f"conv2/{ours}": f"conv3.{theirs}",
            rf"(inception\w\w)/branch1_1/{ours}": rf"\1.branch1.{theirs}",
            rf"(inception\w\w)/(branch\d)_1/{ours}": rf"\1.\2.0.{theirs}",
            rf"(inception\w\w)/(branch\d)_2/{ours}": rf"\1.\2.1.{theirs}",
            rf"(aux\d)/conv/{ours}": rf"\1.conv.{theirs}",
        }
    modules |= {r"(aux\d)/fc1/dense": r"\1.fc1", r"(aux\d)/fc2": r"\1.fc2", "head/dense": "fc"}
    return _with_heads(model, modules)


def _with_heads(model: GoogLeNet, modules: dict[str, str]) -> Rules:
    """Returns the rules; without auxiliary classifiers, theirs are passed over."""
    channels = scaled(128, model.width)
    return Rules(
        modules,
        classes="fc.weight",
        flattened={f"{name}/fc1/dense": channels for name in model.heads.values()},
        ignored=() if model.auxiliary_heads else (r"aux\d\..*",),
    )
