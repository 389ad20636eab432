"""Names of the residual networks in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.resnet import ResNet


def resnet(model: ResNet) -> Rules:
    """torchvision; the forms for small images as in github.com/akamaster/pytorch_resnet_cifar10."""
    head = "linear" if model.small_images else "fc"
    modules = {
        "conv1/conv": "conv1",
        "conv1/norm": "bn1",
        r"layer(\d)_(\d+)/conv(\d)/conv": r"layer\1.\2.conv\3",
        r"layer(\d)_(\d+)/conv(\d)/norm": r"layer\1.\2.bn\3",
        r"layer(\d)_(\d+)/shortcut/conv": r"layer\1.\2.downsample.0",
        r"layer(\d)_(\d+)/shortcut/norm": r"layer\1.\2.downsample.1",
        "head/dense": head,
    }
    return Rules(modules, classes=f"{head}.weight")
