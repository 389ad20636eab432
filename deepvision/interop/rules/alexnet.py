"""Names of AlexNet in torchvision, and of ZFNet in the same manner."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.alexnet import AlexNet
from deepvision.models.zfnet import ZFNet


def alexnet(model: AlexNet | ZFNet) -> Rules:
    """torchvision numbers the layers of its `features`: convolution, activation, norm if there is one, pooling."""
    places = (0, 4, 8, 10, 12) if model.layers.norm.name == "lrn" else (0, 3, 6, 8, 10)
    modules = {
        **{f"conv{number}/conv": f"features.{place}" for number, place in enumerate(places, start=1)},
        **{"fc1/dense": "classifier.1", "fc2/dense": "classifier.4", "head": "classifier.6"},
    }
    return Rules(modules, classes="classifier.6.weight", flattened={"fc1/dense": model.widths[-1]})
