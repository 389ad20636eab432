"""MobileNet and MobileNetV2: depthwise separable convolutions, and inverted residuals with linear bottlenecks.

Howard et al. 2017, "MobileNets: efficient convolutional neural networks for mobile vision applications" (1704.04861):
figure 3, tables 1 and 8.
Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks" (1801.04381): tables 2 and 4.
"""

from __future__ import annotations

from collections.abc import Iterator

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import DepthwiseSeparable, InvertedResidual, divisible, places, run_stages
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images, Transform


class MobileNetV1(Network):
    """A 3x3 stem, thirteen depthwise separable convolutions, global pooling and a classifier.

    `mobilenet_v1` at 224x224x3 and 1000 classes: 4,231,976 parameters, 568,740,352 MACs, 70.6 % top-1. The activation
    is ReLU6, as in the authors' code. The paper has no attention; its site is behind every pointwise convolution.

    Attributes:
        stages: table 1, in rows of equal width: channels, convolutions, stride of the first.
        width: multiplier of all widths (section 3.3).
        small_images: the stem and the first stage that would halve the image keep its size: strides 8 in all, not 32.
    """

    stages: tuple[tuple[int, int, int], ...] = ((64, 1, 1), (128, 2, 2), (256, 2, 2), (512, 6, 2), (1024, 2, 2))
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(norm="batch", act="relu6", paper_init="he_normal(mode='fan_out')")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        channels = divisible(32 * self.width)
        x = ConvUnit(L, channels, 3, 1 if self.small_images else 2, first=True, name="conv1")(x)
        stages = run_stages(L, x, self._blocks(L, channels))
        stages[-1] = x = close_stages(L, stages[-1])
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _blocks(self, layers: BoundLayers, inputs: int) -> Iterator[tuple[Transform, int]]:
        block = layers.block(DepthwiseSeparable)
        rows = [(divisible(channels * self.width), count, stride) for channels, count, stride in self.stages]
        for place in places(inputs, rows, self.small_images):
            yield block(layers, place.features, place.stride, name=place.name), place.stride


class MobileNetV2(Network):
    """A 3x3 stem, seven stages of inverted residuals, a 1x1 convolution, global pooling and a classifier.

    `mobilenet_v2` at 224x224x3 and 1000 classes: 3,504,872 parameters, 300,774,272 MACs, 72.0 % top-1. The paper has no
    attention; its site is where later papers put theirs, behind every depthwise convolution.

    Attributes:
        stages: table 2: expansion t, channels c, blocks n, stride s of the first.
        width: multiplier of all widths; the last convolution's only grows.
        small_images: the stem and the first stage that would halve the image keep its size: strides 8 in all, not 32.
    """

    stages: tuple[tuple[int, int, int, int], ...] = (
        (1, 16, 1, 1),
        (6, 24, 2, 2),
        (6, 32, 3, 2),
        (6, 64, 4, 2),
        (6, 96, 3, 1),
        (6, 160, 3, 2),
        (6, 320, 1, 1),
    )
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(norm="batch", act="relu6", dropout=0.2, paper_init="he_normal(mode='fan_out')")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        channels = divisible(32 * self.width)
        x = ConvUnit(L, channels, 3, 1 if self.small_images else 2, stem=True, name="conv1")(x)
        stages = run_stages(L, x, self._blocks(L, channels))
        if pyramid:
            return stages
        x = ConvUnit(L, divisible(1280 * max(self.width, 1.0)), 1, name="conv2")(stages[-1])
        return Head(L, self.num_classes, name="head")(close_stages(L, x))

    def _blocks(self, layers: BoundLayers, inputs: int) -> Iterator[tuple[Transform, int]]:
        block = layers.block(InvertedResidual)
        rows = [(divisible(channels * self.width), count, stride) for _, channels, count, stride in self.stages]
        for place in places(inputs, rows, self.small_images):
            hidden = place.inputs * self.stages[place.stage][0]
            made = block(layers, place.features, hidden, 3, place.stride, depth=place.depth, name=place.name)
            yield made, place.stride


MOBILENETS = {
    "mobilenet_v1": MobileNetV1,
    "mobilenet_v2": MobileNetV2,
}
