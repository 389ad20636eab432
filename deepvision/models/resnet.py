"""Residual networks, and the plain networks they are compared with.

He et al. 2015, "Deep residual learning for image recognition" (1512.03385): figures 2, 3 and 5, table 1, section 4.2.
He et al. 2016, "Identity mappings in deep residual networks" (1603.05027): the same with placement "pre".
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import ConvUnit, Head, close_stages, residual
from deepvision.layers.layers import BoundLayers, Layers
from deepvision.layers.pooling import Window
from deepvision.models.network import Network
from deepvision.types import Images, Transform


def projection(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option B: a linear 1x1 convolution makes the shortcut fit."""
    return ConvUnit(layers, features, 1, stride, first=True, linear=True, name="shortcut")


def padding(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option A: every stride-th position, and zeros in the new channels; no parameters."""

    def shortcut(x: Images) -> Images:
        missing = features - x.shape[-1]
        return jnp.pad(x[:, ::stride, ::stride], [(0, 0)] * 3 + [(missing // 2, missing - missing // 2)])

    return shortcut


class Block(nn.Module):
    """What the two residual units share.

    Attributes:
        layers: the bound layers of the network.
        features: channels of the 3x3 convolutions; the output has `expansion` times as many.
        stride: of the unit.
        shortcut: makes the shortcut fit where shapes change (`projection`, `padding`); None: a plain network, none.
        depth: place in the network, from 0 to 1.
        scale_init: initial scale of the branch's last norm.
    """

    layers: BoundLayers
    features: int
    stride: int
    shortcut: Callable[[BoundLayers, int, int], Transform] | None
    depth: float
    scale_init: nn.initializers.Initializer

    expansion: ClassVar[int] = 1

    @nn.compact
    def __call__(self, x: Images) -> Images:
        if self.shortcut is None:
            return self.branch(x)
        features = self.features * self.expansion
        fits = self.stride == 1 and x.shape[-1] == features
        shortcut = None if fits else self.shortcut(self.layers, features, self.stride)
        return residual(self.layers, x, self.branch, shortcut, depth=self.depth)

    def unit(self, features: int, kernel: int, stride: int = 1, *, name: str) -> ConvUnit:
        """Makes a unit of the branch; in a plain network none is the first or last of a residual function."""
        plain = self.shortcut is None
        first, last = name == "conv1" and not plain, name == self.last_unit and not plain
        scale_init = self.scale_init if last else nn.initializers.ones
        return ConvUnit(self.layers, features, kernel, stride, first=first, last=last, scale_init=scale_init, name=name)


class BasicBlock(Block):
    """Two 3x3 convolutions. Source: He et al. 2015, figure 5 left."""

    last_unit: ClassVar[str] = "conv2"

    def branch(self, x: Images) -> Images:
        x = self.unit(self.features, 3, self.stride, name="conv1")(x)
        return self.unit(self.features, 3, name="conv2")(x)


class Bottleneck(Block):
    """1x1, 3x3 and 1x1 convolution. Source: He et al. 2015, figure 5 right.

    The stride is in the 3x3 convolution, as in most implementations since ("v1.5"); the paper has it in the first 1x1.
    """

    expansion: ClassVar[int] = 4
    last_unit: ClassVar[str] = "conv3"

    def branch(self, x: Images) -> Images:
        x = self.unit(self.features, 1, name="conv1")(x)
        x = self.unit(self.features, 3, self.stride, name="conv2")(x)
        return self.unit(self.features * self.expansion, 1, name="conv3")(x)


class ResNet(Network):
    """A residual network: stem, stages of residual units, global pooling, classifier.

    Attributes:
        stage_sizes: units per stage; each stage but the first halves the positions and doubles the channels.
        block: `BasicBlock` or `Bottleneck`.
        width: channels of the first stage.
        small_images: a 3x3 stem without pooling, as section 4.2 has it for CIFAR-10, in place of 7x7 and pooling.
        shortcut: `projection` (option B), `padding` (option A), or None for a plain network.
        zero_init_residual: the last norm of each branch starts at scale zero (Goyal et al. 2017, section 5.1).
    """

    stage_sizes: tuple[int, ...] = (2, 2, 2, 2)
    block: type[Block] = BasicBlock
    width: int = 64
    small_images: bool = False
    shortcut: Callable[[BoundLayers, int, int], Transform] | None = projection
    zero_init_residual: bool = False
    layers: Layers = Layers(norm="batch", act="relu", paper_init="he_normal(mode='fan_out')")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = self._stem(L, x)
        stages = []
        for stage, blocks in enumerate(self.stage_sizes):
            for block in range(blocks):
                x = self._block(L, stage, block)(x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        if self.small_images:
            return ConvUnit(layers, self.width, 3, first=True, name="conv1")(x)
        x = ConvUnit(layers, self.width, 7, 2, stem=True, name="conv1")(x)
        return layers.pool(Window(3, 2, padding=1), name="pool")(x)

    def _block(self, layers: BoundLayers, stage: int, block: int) -> Block:
        position = sum(self.stage_sizes[:stage]) + block
        return self.block(
            layers,
            self.width * 2**stage,
            stride=2 if stage > 0 and block == 0 else 1,
            shortcut=self.shortcut,
            depth=position / max(sum(self.stage_sizes) - 1, 1),
            scale_init=nn.initializers.zeros if self.zero_init_residual else nn.initializers.ones,
            name=f"layer{stage + 1}_{block}",
        )


def _cifar(depth: int, shortcut: Callable | None) -> functools.partial:
    """Returns the network of 6n + 2 layers of section 4.2."""
    return functools.partial(
        ResNet,
        stage_sizes=((depth - 2) // 6,) * 3,
        width=16,
        small_images=True,
        shortcut=shortcut,
        num_classes=10,
        image_shape=(32, 32, 3),
    )


RESNETS = {
    "resnet18": functools.partial(ResNet, stage_sizes=(2, 2, 2, 2)),
    "resnet34": functools.partial(ResNet, stage_sizes=(3, 4, 6, 3)),
    "resnet50": functools.partial(ResNet, stage_sizes=(3, 4, 6, 3), block=Bottleneck),
    **{f"cifar_resnet{depth}": _cifar(depth, padding) for depth in (20, 32, 44, 56, 110)},
    **{f"cifar_plain{depth}": _cifar(depth, None) for depth in (20, 32, 44, 56)},
}
