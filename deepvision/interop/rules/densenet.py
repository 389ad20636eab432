"""Names of the densely connected networks in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.densenet import DenseNet


def densenet(model: DenseNet) -> Rules:
    """torchvision; the forms for small images are named in the same manner, their layers numbered from 0."""
    return _small_images(model) if model.small_images else _torchvision()


def _torchvision() -> Rules:
    modules = {
        r"conv0/(conv|norm)": r"features.\g<1>0",
        r"block(\d+)_layer(\d+)/conv(\d)/(conv|norm)": r"features.denseblock\1.denselayer\2.\4\3",
        r"transition(\d+)/(conv|norm)": r"features.transition\1.\2",
        "postact/norm": "features.norm5",
        "head/dense": "classifier",
    }
    return Rules(modules, classes="classifier.weight", norm_follows=False)


def _small_images(model: DenseNet) -> Rules:
    layers = {
        rf"block(\d+)_layer{index + 1}/conv(\d)/(conv|norm)": rf"denseblock\1.{index}.\3\2"
        for index in range(max(model.stage_sizes))
    }
    modules = {
        "conv0/conv": "conv0",
        **layers,
        r"transition(\d+)/norm": r"transition\1.0",
        r"transition(\d+)/conv": r"transition\1.2",
        "postact/norm": "norm_last",
        "head/dense": "fc",
    }
    return Rules(modules, classes="fc.weight", norm_follows=False)
