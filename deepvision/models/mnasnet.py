"""MnasNet: inverted residuals found by a search that measures latency on a phone.

Tan et al. 2018, "MnasNet: platform-aware neural architecture search for mobile" (1807.11626): figure 7.
"""

from __future__ import annotations

from collections.abc import Iterator

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import InvertedResidual, divisible, places, run_stages
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images, Transform


class MnasNet(Network):
    """A 3x3 stem, a depthwise separable convolution, six stages of inverted residuals, and a classifier.

    `mnasnet1_0` at 224x224x3 and 1000 classes: 4,383,312 parameters, 314,415,872 MACs, 74.5 % top-1, as the authors'
    repository has it. It is MnasNet-B1, the form without squeeze and excitation; A1 differs in its table too. The
    attention site is where A1 has squeeze and excitation, behind every depthwise convolution.

    Attributes:
        stages: expansion, kernel, channels, blocks, stride of the first; expansion 1 is a separable convolution.
        width: multiplier of all widths but the last convolution's.
        small_images: the stem and the first stage that would halve the image keep its size: strides 8 in all, not 32.
    """

    stages: tuple[tuple[int, int, int, int, int], ...] = (
        (1, 3, 16, 1, 1),
        (3, 3, 24, 3, 2),
        (3, 5, 40, 3, 2),
        (6, 5, 80, 3, 2),
        (6, 3, 96, 2, 1),
        (6, 5, 192, 4, 2),
        (6, 3, 320, 1, 1),
    )
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(
        norm="batch(momentum=0.9997)", act="relu", dropout=0.2, paper_init="he_normal(mode='fan_out')"
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        channels = divisible(32 * self.width)
        x = ConvUnit(L, channels, 3, 1 if self.small_images else 2, stem=True, name="conv1")(x)
        stages = run_stages(L, x, self._blocks(L, channels))
        if pyramid:
            return stages
        x = ConvUnit(L, 1280, 1, name="conv2")(stages[-1])
        return Head(L, self.num_classes, name="head")(close_stages(L, x))

    def _blocks(self, layers: BoundLayers, inputs: int) -> Iterator[tuple[Transform, int]]:
        block = layers.block(InvertedResidual)
        rows = [(divisible(channels * self.width), count, stride) for _, _, channels, count, stride in self.stages]
        for place in places(inputs, rows, self.small_images):
            expansion, kernel, *_ = self.stages[place.stage]
            hidden = place.inputs * expansion
            made = block(layers, place.features, hidden, kernel, place.stride, depth=place.depth, name=place.name)
            yield made, place.stride


MNASNETS = {
    "mnasnet1_0": MnasNet,
}
