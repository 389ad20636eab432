"""ShuffleNet: grouped or split convolutions whose channels are shuffled, so that all see all.

Zhang et al. 2017, "ShuffleNet: an extremely efficient convolutional neural network for mobile devices" (1707.01083):
figure 2, tables 1 and 2.
Ma et al. 2018, "ShuffleNet V2: practical guidelines for efficient CNN architecture design" (1807.11164): figure 3,
tables 5 and 8.
"""

from __future__ import annotations

import functools
from collections.abc import Iterator

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import Head, close_stages, residual
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import places, run_stages
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images, Transform

PAPER = Layers(norm="batch", act="relu", paper_init="he_normal(mode='fan_out')")


def shuffle(x: Images, groups: int) -> Images:
    """Returns the channels in a new order: the first of every group, then the second of every group, and so on."""
    apart = x.reshape(*x.shape[:-1], groups, -1)
    return apart.swapaxes(-1, -2).reshape(x.shape)


def stem(layers: BoundLayers, x: Images, features: int, small_images: bool) -> Images:
    """Returns what enters the first stage; small images are neither strided over nor pooled."""
    x = ConvUnit(layers, features, 3, 1 if small_images else 2, stem=True, name="conv1")(x)
    return x if small_images else layers.pool(Window(3, 2, padding=1), name="pool")(x)


class GroupedUnit(nn.Module):
    """Grouped 1x1 convolution, shuffle, 3x3 depthwise and grouped 1x1 convolution, on a residual branch.

    No activation stands behind the depthwise convolution. With stride two, the shortcut is an average pooling, to which
    the branch is not added but concatenated.

    Attributes:
        layers: the bound layers of the network.
        features: output channels, those of the shortcut included.
        stride: of the depthwise convolution.
        groups: of the last 1x1 convolution, and of the shuffle.
        first_groups: of the first 1x1 convolution.
        depth: place in the network, from 0 to 1.
    Source: Zhang et al. 2017, figure 2(b) and (c).
    """

    layers: BoundLayers
    features: int
    stride: int
    groups: int
    first_groups: int
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        if self.stride == 1:
            return residual(self.layers, x, self.branch, depth=self.depth)
        pool = self.layers.second.pool(Window(3, 2, padding=1), name="pool")
        return residual(self.layers, x, self.branch, pool, depth=self.depth, raw=True, join=_concatenate)

    def branch(self, x: Images) -> Images:
        L, inner, added = self.layers, self.features // 4, self.features
        added -= 0 if self.stride == 1 else x.shape[-1]
        x = ConvUnit(L, inner, 1, groups=self.first_groups, first=True, name="conv1")(x)
        x = shuffle(x, self.groups)
        x = ConvUnit(L, inner, 3, self.stride, groups=inner, linear=True, name="conv2")(x)
        return ConvUnit(L, added, 1, groups=self.groups, last=True, name="conv3")(x)


class ShuffleNetV1(Network):
    """A 3x3 stem with pooling, three stages of grouped units, and a classifier.

    `shufflenet_v1_g3` at 224x224x3 and 1000 classes: 1,865,728 parameters, 137,460,672 MACs, 32.6 % top-1 error. The
    first of all 1x1 convolutions has no groups, since it sees few channels. The average pooling of the shortcuts is the
    second kind of pooling beside the stem's maximum.

    Attributes:
        stages: table 1: channels and units of every stage.
        groups: of the 1x1 convolutions.
        stem: channels of the stem.
        small_images: a stem of stride one without pooling: strides 8 in all, not 32.
    """

    stages: tuple[tuple[int, int], ...] = ((240, 4), (480, 8), (960, 4))
    groups: int = 3
    stem: int = 24
    small_images: bool = False
    layers: Layers = PAPER.replace({"second": {"pool": "avg"}})

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = run_stages(L, stem(L, x, self.stem, self.small_images), self._blocks(L))
        stages[-1] = x = close_stages(L, stages[-1])
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _blocks(self, layers: BoundLayers) -> Iterator[tuple[Transform, int]]:
        block = layers.block(GroupedUnit)
        for place in places(self.stem, [(features, units, 2) for features, units in self.stages]):
            first = 1 if place.stage == place.index == 0 else self.groups
            made = block(layers, place.features, place.stride, self.groups, first, place.depth, name=place.name)
            yield made, place.stride


class SplitUnit(nn.Module):
    """1x1, 3x3 depthwise and 1x1 convolution of one half of the channels, which the other half passes by.

    With stride two, both halves see the whole input, and the other one has a depthwise and a 1x1 convolution. No
    activation stands behind depthwise convolutions; in the end, the halves are shuffled.

    Attributes:
        layers: the bound layers of the network.
        features: output channels of both halves.
        stride: of the depthwise convolutions.
    Source: Ma et al. 2018, figure 3(c) and (d); attention at the branch's end, as in its appendix.
    """

    layers: BoundLayers
    features: int
    stride: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        passing, x = jnp.split(x, 2, axis=-1) if self.stride == 1 else (self._passing(x), x)
        half = self.features // 2
        x = ConvUnit(self.layers, half, 1, name="conv1")(x)
        x = self._depthwise(x, "conv2")
        x = ConvUnit(self.layers, half, 1, attend=True, name="conv3")(x)
        return shuffle(_concatenate(passing, x), 2)

    def _passing(self, x: Images) -> Images:
        x = self._depthwise(x, "passing1")
        return ConvUnit(self.layers, self.features // 2, 1, name="passing2")(x)

    def _depthwise(self, x: Images, name: str) -> Images:
        channels = x.shape[-1]
        return ConvUnit(self.layers, channels, 3, self.stride, groups=channels, linear=True, name=name)(x)


class ShuffleNetV2(Network):
    """A 3x3 stem with pooling, three stages of split units, a 1x1 convolution, and a classifier.

    At 224x224x3 and 1000 classes (top-1 error of table 8):

        name                 parameters   MACs          error
        shufflenet_v2_x0_5   1,366,792     40,476,448   39.7
        shufflenet_v2_x1_0   2,278,604    144,907,992   30.6
        shufflenet_v2_x1_5   3,503,624    295,759,392   27.4
        shufflenet_v2_x2_0   7,393,996    583,253,464   25.1

    Attributes:
        stages: table 5: channels and units of every stage.
        stem: channels of the stem.
        last: channels of the last convolution.
        small_images: a stem of stride one without pooling: strides 8 in all, not 32.
    """

    stages: tuple[tuple[int, int], ...] = ((116, 4), (232, 8), (464, 4))
    stem: int = 24
    last: int = 1024
    small_images: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = run_stages(L, stem(L, x, self.stem, self.small_images), self._blocks(L))
        if pyramid:
            return stages
        x = ConvUnit(L, self.last, 1, name="conv5")(stages[-1])
        return Head(L, self.num_classes, name="head")(close_stages(L, x))

    def _blocks(self, layers: BoundLayers) -> Iterator[tuple[Transform, int]]:
        block = layers.block(SplitUnit)
        for place in places(self.stem, [(features, units, 2) for features, units in self.stages]):
            yield block(layers, place.features, place.stride, name=place.name), place.stride


def _concatenate(*parts: Images) -> Images:
    return jnp.concatenate(parts, axis=-1)


SHUFFLENETS = {
    "shufflenet_v1_g3": ShuffleNetV1,
    "shufflenet_v2_x0_5": functools.partial(ShuffleNetV2, stages=((48, 4), (96, 8), (192, 4))),
    "shufflenet_v2_x1_0": ShuffleNetV2,
    "shufflenet_v2_x1_5": functools.partial(ShuffleNetV2, stages=((176, 4), (352, 8), (704, 4))),
    "shufflenet_v2_x2_0": functools.partial(ShuffleNetV2, stages=((244, 4), (488, 8), (976, 4)), last=2048),
}
