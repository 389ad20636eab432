"""Names of MobileNetV3 in torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.interop.rules.inverted import inverted_residual
from deepvision.models.mobilenet_v3 import MobileNetV3, Row


def torchvision(model: MobileNetV3) -> Rules:
    modules, inputs = {"conv1/conv": "features.0.0", "conv1/norm": "features.0.1"}, 16
    for number, row in enumerate(map(Row._make, model.rows), start=1):
        modules |= inverted_residual(f"block{number}", f"features.{number}.block", row.hidden != inputs, row.squeeze)
        inputs = row.features
    last = len(model.rows) + 1
    modules |= {
        "conv2/conv": f"features.{last}.0",
        "conv2/norm": f"features.{last}.1",
        "fc1/dense": "classifier.0",
        "head": "classifier.3",
    }
    return Rules(modules, classes="classifier.3.weight", spatial={".*/attention/.*": 2})
