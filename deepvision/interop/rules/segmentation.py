"""Names of the networks for segmentation: torchvision's, and those of our own for U-Net."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.interop.rules.resnet import BACKBONE
from deepvision.models.deeplab import DeepLabV3
from deepvision.models.fcn import FCN
from deepvision.models.unet import UNet

_BACKBONE = {f"backbone/{ours}": f"backbone.{theirs}" for ours, theirs in BACKBONE.items()}
_AUXILIARY = (r"aux_classifier\..*",)  # a second classifier, for training alone


def fcn(model: FCN) -> Rules:
    """torchvision."""
    modules = {
        **_BACKBONE,
        "conv1/conv": "classifier.0",
        "conv1/norm": "classifier.1",
        "head": "classifier.4",
    }
    return Rules(modules, classes="classifier.4.weight", ignored=_AUXILIARY)


def deeplab(model: DeepLabV3) -> Rules:
    """torchvision; among the convolutions of the pyramid, that of the mean comes last."""
    image = f"classifier.0.convs.{len(model.rates) + 1}"
    modules = {
        **_BACKBONE,
        r"pyramid/branch(\d)/conv": r"classifier.0.convs.\1.0",
        r"pyramid/branch(\d)/norm": r"classifier.0.convs.\1.1",
        "pyramid/image/conv": f"{image}.1",
        "pyramid/image/norm": f"{image}.2",
        "pyramid/project/conv": "classifier.0.project.0",
        "pyramid/project/norm": "classifier.0.project.1",
        "conv1/conv": "classifier.1",
        "conv1/norm": "classifier.2",
        "head": "classifier.4",
    }
    return Rules(modules, classes="classifier.4.weight", ignored=_AUXILIARY)


def unet(model: UNet) -> Rules:
    """Levels counted from 0, on the way up from the lowest; within a level, convolutions and activations."""
    modules = {"head": "out"}
    for level in range(1, model.depth + 2):
        for index in (1, 2):
            modules[f"contract{level}_{index}/conv"] = f"down.{level - 1}.{2 * (index - 1)}"
            modules[f"expand{level}_{index}/conv"] = f"conv.{model.depth - level}.{2 * (index - 1)}"
        modules[f"up{level}"] = f"up.{model.depth - level}"
    return Rules(modules, classes="out.weight", transposed=(r"up\d+",))
