"""EfficientNet and EfficientNetV2: inverted residuals found by search, scaled in width, depth and image size together.

Tan & Le 2019, "EfficientNet: rethinking model scaling for convolutional neural networks" (1905.11946): equation 3,
tables 1 and 2, section 5.2; the scales of all but B0 are those of the authors' code.
Tan & Le 2021, "EfficientNetV2: smaller models and faster training" (2104.00298): tables 4 and 7, section 5.1; the
larger tables are those of the authors' code.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator
from typing import NamedTuple

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import FusedInvertedResidual, InvertedResidual, Place, divisible, places, run_stages
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images, Transform


class Stage(NamedTuple):
    """A row of the tables.

    Attributes:
        kind: "MBConv" or "Fused-MBConv".
        expansion: channels inside per channel that enters.
        kernel: side of the (depthwise) convolution.
        stride: of the first block.
        features: output channels.
        blocks: how many.
    """

    kind: str
    expansion: int
    kernel: int
    stride: int
    features: int
    blocks: int


B0 = (  # table 1 of the first paper
    Stage("MBConv", 1, 3, 1, 16, 1),
    Stage("MBConv", 6, 3, 2, 24, 2),
    Stage("MBConv", 6, 5, 2, 40, 2),
    Stage("MBConv", 6, 3, 2, 80, 3),
    Stage("MBConv", 6, 5, 1, 112, 3),
    Stage("MBConv", 6, 5, 2, 192, 4),
    Stage("MBConv", 6, 3, 1, 320, 1),
)

V2_S = (  # table 4 of the second
    Stage("Fused-MBConv", 1, 3, 1, 24, 2),
    Stage("Fused-MBConv", 4, 3, 2, 48, 4),
    Stage("Fused-MBConv", 4, 3, 2, 64, 4),
    Stage("MBConv", 4, 3, 2, 128, 6),
    Stage("MBConv", 6, 3, 1, 160, 9),
    Stage("MBConv", 6, 3, 2, 256, 15),
)

V2_M = (
    Stage("Fused-MBConv", 1, 3, 1, 24, 3),
    Stage("Fused-MBConv", 4, 3, 2, 48, 5),
    Stage("Fused-MBConv", 4, 3, 2, 80, 5),
    Stage("MBConv", 4, 3, 2, 160, 7),
    Stage("MBConv", 6, 3, 1, 176, 14),
    Stage("MBConv", 6, 3, 2, 304, 18),
    Stage("MBConv", 6, 3, 1, 512, 5),
)

V2_L = (
    Stage("Fused-MBConv", 1, 3, 1, 32, 4),
    Stage("Fused-MBConv", 4, 3, 2, 64, 7),
    Stage("Fused-MBConv", 4, 3, 2, 96, 7),
    Stage("MBConv", 4, 3, 2, 192, 10),
    Stage("MBConv", 6, 3, 1, 224, 19),
    Stage("MBConv", 6, 3, 2, 384, 25),
    Stage("MBConv", 6, 3, 1, 640, 7),
)

PAPER = Layers(
    norm="batch(momentum=0.99)",
    act="silu",
    attention="se",
    dropout=0.2,
    drop_path=0.2,
    paper_init="he_normal(mode='fan_out')",
)


class EfficientNet(Network):
    """A 3x3 stem, inverted residuals with squeeze and excitation, a 1x1 convolution, global pooling and a classifier.

    At 1000 classes (top-1 / top-5 accuracy of the papers):

        name               image  parameters   MACs            accuracy
        efficientnet_b0    224      5,288,548     385,814,752  77.1 / 93.3
        efficientnet_b1    240      7,794,184     686,802,832  79.1 / 94.4
        efficientnet_b2    260      9,109,994     993,561,872  80.1 / 94.9
        efficientnet_b3    300     12,233,232   1,827,141,392  81.6 / 95.7
        efficientnet_b4    380     19,341,616   4,393,771,024  82.9 / 96.4
        efficientnet_b5    456     30,389,784  10,266,384,752  83.6 / 96.7
        efficientnet_b6    528     43,040,704  19,067,593,536  84.0 / 96.8
        efficientnet_b7    600     66,347,960  37,745,884,192  84.3 / 97.0
        efficientnet_v2_s  384     21,458,488   8,365,617,152  83.9
        efficientnet_v2_m  480     54,139,356  24,582,460,384  85.1
        efficientnet_v2_l  480    118,515,272  56,079,699,008  85.7

    The bottleneck of squeeze and excitation has a quarter of the channels that enter the block; fused blocks have none,
    and no other attention. Epsilons of the batch norms are torchvision's: 0.00001 up to B4, and 0.001 above and in V2.

    Attributes:
        stages: of the table.
        stem: channels of the stem.
        width, depth: multipliers of all channels and of the blocks per stage, rounded up (section 3.3).
        small_images: the stem and the first stage that would halve the image keep its size: strides 8 in all, not 32.
    """

    stages: tuple[Stage, ...] = B0
    stem: int = 32
    width: float = 1.0
    depth: float = 1.0
    small_images: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        channels = divisible(self.stem * self.width)
        x = ConvUnit(L, channels, 3, 1 if self.small_images else 2, stem=True, name="conv1")(x)
        stages = run_stages(L, x, self._blocks(L, channels))
        if pyramid:
            return stages
        x = ConvUnit(L, divisible(1280 * self.width), 1, name="conv2")(stages[-1])
        return Head(L, self.num_classes, name="head")(close_stages(L, x))

    def _blocks(self, layers: BoundLayers, inputs: int) -> Iterator[tuple[Transform, int]]:
        rows = [
            (divisible(stage.features * self.width), math.ceil(stage.blocks * self.depth), stage.stride)
            for stage in map(Stage._make, self.stages)
        ]
        for place in places(inputs, rows, self.small_images):
            yield self._block(layers, Stage._make(self.stages[place.stage]), place), place.stride

    def _block(self, layers: BoundLayers, stage: Stage, place: Place) -> nn.Module:
        hidden = place.inputs * stage.expansion
        shape = (place.features, hidden, stage.kernel, place.stride)
        if stage.kind == "Fused-MBConv":
            return layers.block(FusedInvertedResidual)(layers, *shape, depth=place.depth, name=place.name)
        squeeze = max(place.inputs // 4, 1)
        return layers.block(InvertedResidual)(layers, *shape, squeeze=squeeze, depth=place.depth, name=place.name)


_EPSILON = {"norm": "batch(momentum=0.99, epsilon=0.001)"}

_SCALES = {  # width, depth, image, dropout, other layers
    "b0": (1.0, 1.0, 224, 0.2, {}),
    "b1": (1.0, 1.1, 240, 0.2, {}),
    "b2": (1.1, 1.2, 260, 0.3, {}),
    "b3": (1.2, 1.4, 300, 0.3, {}),
    "b4": (1.4, 1.8, 380, 0.4, {}),
    "b5": (1.6, 2.2, 456, 0.4, _EPSILON),
    "b6": (1.8, 2.6, 528, 0.5, _EPSILON),
    "b7": (2.0, 3.1, 600, 0.5, _EPSILON),
}

_SECOND = {  # stages, stem, image, dropout
    "s": (V2_S, 24, 384, 0.2),
    "m": (V2_M, 24, 480, 0.3),
    "l": (V2_L, 32, 480, 0.4),
}

EFFICIENTNETS = {
    **{
        f"efficientnet_{name}": functools.partial(
            EfficientNet,
            width=width,
            depth=depth,
            layers=PAPER.replace({"dropout": dropout, **other}),
            image_shape=(image, image, 3),
        )
        for name, (width, depth, image, dropout, other) in _SCALES.items()
    },
    **{
        f"efficientnet_v2_{name}": functools.partial(
            EfficientNet,
            stages=stages,
            stem=stem,
            layers=PAPER.replace({"dropout": dropout, **_EPSILON}),
            image_shape=(image, image, 3),
        )
        for name, (stages, stem, image, dropout) in _SECOND.items()
    },
}
