"""Inception-ResNet-v2: inception modules on residual branches.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning" (1602.07261):
figures 7, 15-18 and 20, tables 1 and 2, section 3.3.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages, residual
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import Branches, Conv, Table, scaled
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.inception_v3 import AVERAGED, COLUMN, HALF, HALVED, ROW, stem
from deepvision.models.network import Network
from deepvision.types import Images

INCEPTION = (  # in front of the first residual unit
    (Conv(96),),
    (Conv(48), Conv(64, 5)),
    (Conv(64), Conv(96, 3), Conv(96, 3)),
    (AVERAGED, Conv(64)),
)
UNIT_A = (  # figure 16
    (Conv(32),),
    (Conv(32), Conv(32, 3)),
    (Conv(32), Conv(48, 3), Conv(64, 3)),
)
UNIT_B = (  # figure 17
    (Conv(192),),
    (Conv(128), Conv(160, ROW), Conv(192, COLUMN)),
)
UNIT_C = (  # figure 19
    (Conv(192),),
    (Conv(192), Conv(224, (1, 3)), Conv(256, (3, 1))),
)
REDUCTION_A = (  # figure 7, with table 1
    (Conv(384, 3, 2, padding=0),),
    (Conv(256), Conv(256, 3), Conv(384, 3, 2, padding=0)),
    (HALVED,),
)
REDUCTION_B = (  # figure 18
    (Conv(256), Conv(384, 3, 2, padding=0)),
    (Conv(256), Conv(288, 3, 2, padding=0)),
    (Conv(256), Conv(288, 3), Conv(320, 3, 2, padding=0)),
    (HALVED,),
)
STAGES = (  # the unit of a stage, its scale, and the reduction in front of it
    ("a", UNIT_A, 0.17, None),
    ("b", UNIT_B, 0.10, REDUCTION_A),
    ("c", UNIT_C, 0.20, REDUCTION_B),
)


class InceptionUnit(nn.Module):
    """y = act(x + scale (W [branch_1(x), branch_2(x), ...])), with a 1x1 convolution W to the channels of x.

    W has no norm of its own, so that the sum stays linear in it; under placement `pre` it opens with norm and
    activation as every convolution does, and the activation behind the sum is left out.

    Attributes:
        layers: the bound layers of the network.
        table: the branches.
        scale: factor of the residual, which keeps training stable; section 3.3.
        width: factor of the channels.
        depth: place in the network, from 0 to 1.
        activate: whether the activation follows.
    Source: figures 16, 17, 19 and 20.
    """

    layers: BoundLayers
    table: Table
    scale: float
    width: float
    depth: float
    activate: bool = True

    @nn.compact
    def __call__(self, x: Images) -> Images:
        return residual(self.layers, x, self._branch, depth=self.depth, activate=self.activate)

    def _branch(self, x: Images) -> Images:
        L, channels = self.layers, x.shape[-1]
        x = Branches(L, self.table, self.width, attend=False, first=True, name="branches")(x)
        if L.placement == "pre":
            expand = ConvUnit(L, channels, 1, last=True, name="expand")
        else:
            expand = L.conv(channels, 1, name="expand")
        return self.scale * expand(x)


class InceptionResNetV2(Network):
    """The stem of Inception-v3, residual inception units at three sizes with reductions between them, classifier.

    At 299x299x3 and 1000 classes (single-crop top-1 / top-5 error of table 2):

        name                  parameters    MACs             error
        inception_resnet_v2   55,843,464    13,155,794,016   19.9 / 4.9

    Numbers of units and channels, and the scales 0.17, 0.10 and 0.20, are those of the authors' published weights:
    twice the paper's units, with the last at scale 1 and without activation. Images from 75x75 on survive.

    Attributes:
        stage_sizes: units at 35x35, 17x17 and 8x8.
        width: factor of all channels but those of the images.
        small_images: the stem keeps the size of the images: those of 32x32 come to 32x32, 15x15 and 7x7.
    """

    stage_sizes: tuple[int, int, int] = (10, 20, 10)
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(
        norm="batch(epsilon=0.001)",
        act="relu",
        dropout=0.2,
        second={"pool": "avg(count_include_pad=False)"},
    )
    image_shape: tuple[int, int, int] = (299, 299, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = [stem(L, x, self.width, self.small_images)]
        x = stages.pop() if self.small_images else L.pool(HALF, name="pool2")(stages[0])
        x = self._module(L, INCEPTION, "inception_a")(x)
        position = 0
        for (letter, table, scale, reduction), units in zip(STAGES, self.stage_sizes, strict=True):
            if reduction:
                x = self._module(L, reduction, f"reduction_{letter}")(x)
            unit = functools.partial(self._unit, L, table, scale)
            x = L.chain((unit(position + index, f"unit_{letter}{index + 1}") for index in range(units)), x)
            position += units
            stages.append(x)
        x = ConvUnit(L, scaled(1536, self.width), 1, name="conv6")(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _module(self, layers: BoundLayers, table: Table, name: str) -> Branches:
        return layers.block(Branches)(layers, table, self.width, name=name)

    def _unit(self, layers: BoundLayers, table: Table, scale: float, position: int, name: str) -> InceptionUnit:
        last = sum(self.stage_sizes) - 1
        return layers.block(InceptionUnit)(
            layers,
            table,
            1.0 if position == last else scale,
            self.width,
            depth=position / max(last, 1),
            activate=position != last,
            name=name,
        )


INCEPTION_RESNETS = {
    "inception_resnet_v2": InceptionResNetV2,
}
