"""Inception-v3: convolutions factorized into smaller and into asymmetric ones.

Szegedy et al. 2015, "Rethinking the inception architecture for computer vision" (1512.00567): figures 5-8 and 10,
tables 1, 3 and 4.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import Branches, Conv, Pool, Table, scaled
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

HALF = Window(3, 2)
HALVED = Pool(HALF)
AVERAGED = Pool(Window(3, 1, padding=1), second=True)
ROW, COLUMN = (1, 7), (7, 1)
SIDE = 5  # positions per side that the auxiliary classifier's second convolution needs


def stem(layers: BoundLayers, x: Images, width: float, small_images: bool) -> Images:
    """Returns what enters the pooling in front of the first inception module; call it inside a compact method.

    For small images it has no strides and no pooling, and pads what it else does not: it keeps their size.
    """
    inside = None if small_images else 0
    x = ConvUnit(layers, scaled(32, width), 3, 1 if small_images else 2, padding=inside, first=True, name="conv1")(x)
    x = ConvUnit(layers, scaled(32, width), 3, padding=inside, name="conv2")(x)
    x = ConvUnit(layers, scaled(64, width), 3, pool=None if small_images else HALF, name="conv3")(x)
    x = ConvUnit(layers, scaled(80, width), 1, name="conv4")(x)
    return ConvUnit(layers, scaled(192, width), 3, padding=inside, name="conv5")(x)


def inception_a(projection: int) -> Table:
    """The module at 35x35; `projection`: maps behind its pooling. Source: figure 5, with one 5x5 kept."""
    return (
        (Conv(64),),
        (Conv(48), Conv(64, 5)),
        (Conv(64), Conv(96, 3), Conv(96, 3)),
        (AVERAGED, Conv(projection)),
    )


def inception_b(inner: int) -> Table:
    """The module at 17x17; `inner`: maps inside its branches. Source: figure 6, n = 7."""
    return (
        (Conv(192),),
        (Conv(inner), Conv(inner, ROW), Conv(192, COLUMN)),
        (Conv(inner), Conv(inner, COLUMN), Conv(inner, ROW), Conv(inner, COLUMN), Conv(192, ROW)),
        (AVERAGED, Conv(192)),
    )


INCEPTION_C = (  # the module at 8x8, figure 7
    (Conv(320),),
    (Conv(384), (Conv(384, (1, 3)), Conv(384, (3, 1)))),
    (Conv(448), Conv(384, 3), (Conv(384, (1, 3)), Conv(384, (3, 1)))),
    (AVERAGED, Conv(192)),
)
REDUCTION_A = (  # 35x35 to 17x17, figure 10
    (Conv(384, 3, 2, padding=0),),
    (Conv(64), Conv(96, 3), Conv(96, 3, 2, padding=0)),
    (HALVED,),
)
REDUCTION_B = (  # 17x17 to 8x8
    (Conv(192), Conv(320, 3, 2, padding=0)),
    (Conv(192), Conv(192, ROW), Conv(192, COLUMN), Conv(192, 3, 2, padding=0)),
    (HALVED,),
)


class AuxiliaryHead(nn.Module):
    """The auxiliary classifier: pooling, two convolutions, global pooling, dense layer; -> [n, num_classes].

    A pooled plane below 5x5, of images below about 299x299, is repeated to 5x5.
    Source: figure 8.

    Attributes:
        layers: the bound layers of the network.
        num_classes: outputs.
        width: factor of the channels.
    """

    layers: BoundLayers
    num_classes: int
    width: float

    @nn.compact
    def __call__(self, x: Images) -> Array:
        L = self.layers
        x = L.second.pool(Window(min(5, *x.shape[1:3]), 3), name="pool")(x)
        x = ops.adaptive_average(x, SIDE) if min(x.shape[1:3]) < SIDE else x
        x = ConvUnit(L, scaled(128, self.width), 1, name="conv1")(x)
        x = ConvUnit(L, scaled(768, self.width), 5, padding=0, name="conv2")(x)
        x = L.global_pool(name="global_pool")(close_stages(L, x))
        return L.dense(self.num_classes, linear=True, name="dense")(x)


class InceptionV3(Network):
    """Stem, modules at three sizes with reductions between them, global pooling, classifier, auxiliary classifier.

    At 299x299x3 and 1000 classes (single-crop top-1 / top-5 error of table 3; the MACs are without the auxiliary
    classifier):

        name                 parameters    MACs            error
        inception_v3         27,161,264    5,713,216,096   21.2 / 5.6
        inception_v3_noaux   23,834,568    5,713,216,096

    The loss of the auxiliary classifier, behind the last module at 17x17, is added at 0.4, as in the authors' code.
    Images from 75x75 on survive.

    Attributes:
        projections: maps behind the poolings of the modules at 35x35, one number per module.
        inner: maps inside the branches of the modules at 17x17, one number per module.
        modules_c: modules at 8x8.
        width: factor of all channels but those of the images.
        small_images: the stem keeps the size of the images: those of 32x32 come to 32x32, 15x15 and 7x7.
        auxiliary_heads: whether there is an auxiliary classifier.
    """

    auxiliary_weight: ClassVar[float] = 0.4
    training_only: ClassVar[tuple[str, ...]] = ("aux",)

    projections: tuple[int, ...] = (32, 64, 64)
    inner: tuple[int, ...] = (128, 160, 160, 192)
    modules_c: int = 2
    width: float = 1.0
    small_images: bool = False
    auxiliary_heads: bool = True
    layers: Layers = Layers(
        norm="batch(epsilon=0.001)",
        act="relu",
        dropout=0.5,
        second={"pool": "avg"},
        paper_init="truncated_normal(std=0.1)",
    )
    image_shape: tuple[int, int, int] = (299, 299, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = [stem(L, x, self.width, self.small_images)]
        x = stages.pop() if self.small_images else L.pool(HALF, name="pool2")(stages[0])
        for index, projection in enumerate(self.projections, start=1):
            x = self._module(L, inception_a(projection), f"inception_a{index}")(x)
        stages.append(x)
        x = self._module(L, REDUCTION_A, "reduction_a")(x)
        for index, inner in enumerate(self.inner, start=1):
            x = self._module(L, inception_b(inner), f"inception_b{index}")(x)
        stages.append(x)
        if self.auxiliary_heads and self.num_classes:
            self.auxiliary("aux", AuxiliaryHead(L, self.num_classes, self.width, name="aux"), x)
        x = self._module(L, REDUCTION_B, "reduction_b")(x)
        for index in range(1, self.modules_c + 1):
            x = self._module(L, INCEPTION_C, f"inception_c{index}")(x)
        stages.append(close_stages(L, x))
        return stages if pyramid else Head(L, self.num_classes, name="head")(stages[-1])

    def _module(self, layers: BoundLayers, table: Table, name: str) -> Branches:
        return layers.block(Branches)(layers, table, self.width, name=name)


INCEPTIONS_V3 = {
    "inception_v3": InceptionV3,
    "inception_v3_noaux": functools.partial(InceptionV3, auxiliary_heads=False),
}
