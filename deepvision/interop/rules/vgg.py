"""Names of VGG in torchvision, and of its form for small images in github.com/kuangliu/pytorch-cifar."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.vgg import VGG


def vgg(model: VGG) -> Rules:
    """torchvision numbers the layers of its `features`: convolution, norm if there is one, activation, pooling."""
    modules, index = {}, 0
    norm, lrn = (model.layers.norm.name == kind for kind in ("batch", "lrn"))
    for stage, convolutions in enumerate(model.stage_sizes, start=1):
        for convolution in range(1, convolutions + 1):
            modules[f"conv{stage}_{convolution}/conv"] = f"features.{index}"
            modules[f"conv{stage}_{convolution}/norm"] = f"features.{index + 1}"
            index += 3 if norm or lrn and stage == convolution == 1 else 2
        index += 1
    if model.small_images:
        return Rules(modules | {"head/dense": "classifier"}, classes="classifier.weight", biased=True)
    modules |= {"fc1/dense": "classifier.0", "fc2/dense": "classifier.3", "head": "classifier.6"}
    channels = model.width * min(2 ** (len(model.stage_sizes) - 1), 8)
    return Rules(modules, classes="classifier.6.weight", flattened={"fc1/dense": channels}, biased=True)
