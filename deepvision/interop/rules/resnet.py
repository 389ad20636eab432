"""Names of the residual networks: torchvision's, timm's, and those of forms that neither has."""

from __future__ import annotations

import dataclasses

from deepvision.interop.rules.base import Rules
from deepvision.models.resnet import ResNet

UNITS = {
    r"layer(\d)_(\d+)/conv(\d)/conv": r"layer\1.\2.conv\3",
    r"layer(\d)_(\d+)/conv(\d)/norm": r"layer\1.\2.bn\3",
    r"layer(\d)_(\d+)/shortcut/conv": r"layer\1.\2.downsample.0",
    r"layer(\d)_(\d+)/shortcut/norm": r"layer\1.\2.downsample.1",
}
BACKBONE = {"conv1/conv": "conv1", "conv1/norm": "bn1", **UNITS}


def resnet(model: ResNet) -> Rules:
    """The names under which a network's form is known first."""
    if model.layers.placement == "pre":
        return _pre_activation(model)
    return _caffe(model) if model.stem_pool.ceil else _torchvision(model)


def timm(model: ResNet) -> Rules:
    """timm, which calls attention `se` and has 1x1 convolutions for its dense layers."""
    rules = resnet(model)
    return dataclasses.replace(rules, modules=rules.modules | _attention("se"), spatial=_spatial(model, dense=2))


def _torchvision(model: ResNet) -> Rules:
    """torchvision; the forms for small images as in github.com/akamaster/pytorch_resnet_cifar10; attention as `att`."""
    head = "linear" if model.small_images else "fc"
    modules = {**BACKBONE, **_attention("att"), "head/dense": head}
    return Rules(modules, classes=f"{head}.weight", spatial=_spatial(model, dense=0))


def _pre_activation(model: ResNet) -> Rules:
    """Numbers in the order of the computation: norm 1 of a unit comes in front of its convolution 1."""
    modules = {
        r"layer(\d)_(\d+)/preact/norm": r"layer\1.\2.bn1",
        r"layer(\d)_(\d+)/shortcut/conv": r"layer\1.\2.downsample",
        **{ours: theirs for ours, theirs in BACKBONE.items() if "shortcut" not in ours},
        **_attention("att"),
        "postact/norm": "bn_last",
        "head/dense": "fc",
    }
    return Rules(modules, classes="fc.weight", spatial=_spatial(model, dense=0), norm_follows=False)


def _caffe(model: ResNet) -> Rules:
    """timm's `legacy_` networks."""
    stem = {r"conv(\d)/conv": r"layer0.conv\1", r"conv(\d)/norm": r"layer0.bn\1"}
    modules = {**stem, **UNITS, **_attention("se_module"), "head/dense": "last_linear"}
    return Rules(modules, classes="last_linear.weight", spatial=_spatial(model, dense=2))


def _attention(name: str) -> dict[str, str]:
    """The attention block of a unit: its two dense layers, its convolution and the norm behind that."""
    block = r"layer(\d)_(\d+)/attention/"
    return {
        f"{block}reduce/dense": rf"layer\1.\2.{name}.fc1",
        f"{block}expand": rf"layer\1.\2.{name}.fc2",
        f"{block}conv": rf"layer\1.\2.{name}.conv",
        f"{block}norm": rf"layer\1.\2.{name}.bn",
    }


def _spatial(model: ResNet, dense: int) -> dict[str, int]:
    """Axes of positions: of the dense layers, and of the convolution of ECA, which runs along the channels."""
    along_channels = {".*/attention/conv": 1} if model.layers.attention.name == "eca" else {}
    return {".*/attention/(reduce/dense|expand)": dense} | along_channels
