"""MobileNetV3: inverted residuals found by search, with squeeze and excitation and hard swish.

Howard et al. 2019, "Searching for MobileNetV3" (1905.02244): figures 4 and 5, tables 1-3.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator
from typing import NamedTuple

import flax.linen as nn

from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import InvertedResidual, divisible, places, run_stages
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images, Transform


class Row(NamedTuple):
    """A row "bneck" of tables 1 and 2.

    Attributes:
        kernel: side of the depthwise convolution.
        hidden: channels inside ("exp size").
        features: output channels ("#out").
        squeeze: whether it has squeeze and excitation ("SE").
        act: "HS", hard swish, or "RE", ReLU ("NL").
        stride: "s".
    """

    kernel: int
    hidden: int
    features: int
    squeeze: bool
    act: str
    stride: int


LARGE = (  # table 1
    Row(3, 16, 16, False, "RE", 1),
    Row(3, 64, 24, False, "RE", 2),
    Row(3, 72, 24, False, "RE", 1),
    Row(5, 72, 40, True, "RE", 2),
    Row(5, 120, 40, True, "RE", 1),
    Row(5, 120, 40, True, "RE", 1),
    Row(3, 240, 80, False, "HS", 2),
    Row(3, 200, 80, False, "HS", 1),
    Row(3, 184, 80, False, "HS", 1),
    Row(3, 184, 80, False, "HS", 1),
    Row(3, 480, 112, True, "HS", 1),
    Row(3, 672, 112, True, "HS", 1),
    Row(5, 672, 160, True, "HS", 2),
    Row(5, 960, 160, True, "HS", 1),
    Row(5, 960, 160, True, "HS", 1),
)

SMALL = (  # table 2
    Row(3, 16, 16, True, "RE", 2),
    Row(3, 72, 24, False, "RE", 2),
    Row(3, 88, 24, False, "RE", 1),
    Row(5, 96, 40, True, "HS", 2),
    Row(5, 240, 40, True, "HS", 1),
    Row(5, 240, 40, True, "HS", 1),
    Row(5, 120, 48, True, "HS", 1),
    Row(5, 144, 48, True, "HS", 1),
    Row(5, 288, 96, True, "HS", 2),
    Row(5, 576, 96, True, "HS", 1),
    Row(5, 576, 96, True, "HS", 1),
)


class MobileNetV3(Network):
    """A 3x3 stem, inverted residuals, a 1x1 convolution, global pooling and two dense layers.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 3):

        name                 parameters   MACs          accuracy
        mobilenet_v3_large   5,483,032    216,589,760   75.2
        mobilenet_v3_small   2,542,856     56,510,400   67.4

    Hard swish is the activation, and ReLU the second kind: that of the rows "RE" and inside squeeze and excitation,
    whose bottleneck has a quarter of the block's inner channels. The attention site is in the rows with "SE" alone.
    Without classes, the features are those of the first dense layer.

    Attributes:
        rows: of the table.
        hidden: units of the first dense layer.
        width: multiplier of all widths.
        small_images: the stem and the first row that would halve the image keep its size: strides 8 in all, not 32.
    """

    rows: tuple[Row, ...] = LARGE
    hidden: int = 1280
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(
        norm="batch(epsilon=0.001, momentum=0.99)",
        act="hard_swish",
        second={"act": "relu"},
        attention="se(gate='hard_sigmoid')",
        dropout=0.2,
        paper_init="he_normal(mode='fan_out')",
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        channels = divisible(16 * self.width)
        x = ConvUnit(L, channels, 3, 1 if self.small_images else 2, stem=True, name="conv1")(x)
        stages = run_stages(L, x, self._blocks(L, channels))
        if pyramid:
            return stages
        x = ConvUnit(L, 6 * stages[-1].shape[-1], 1, name="conv2")(stages[-1])
        return self._classify(L, L.global_pool(name="pool")(close_stages(L, x)))

    def _blocks(self, layers: BoundLayers, inputs: int) -> Iterator[tuple[Transform, int]]:
        block = layers.block(InvertedResidual)
        rows = [(divisible(row.features * self.width), 1, row.stride) for row in map(Row._make, self.rows)]
        for place in places(inputs, rows, self.small_images):
            row = Row._make(self.rows[place.stage])
            hidden = divisible(row.hidden * self.width)
            made = block(
                layers if row.act == "HS" else layers.second,
                place.features,
                hidden,
                row.kernel,
                place.stride,
                attend=row.squeeze,
                squeeze=divisible(hidden / 4),
                depth=place.depth,
                name=f"block{place.stage + 1}",
            )
            yield made, place.stride

    def _classify(self, layers: BoundLayers, x: Array) -> Array:
        x = DenseUnit(layers, self.hidden, name="fc1")(x)
        x = layers.dropout(name="dropout")(x)
        return layers.dense(self.num_classes, name="head")(x) if self.num_classes else x


MOBILENETS_V3 = {
    "mobilenet_v3_large": MobileNetV3,
    "mobilenet_v3_small": functools.partial(MobileNetV3, rows=SMALL, hidden=1024),
}
