"""The units of residual networks: a few convolutions on a branch beside a shortcut.

He et al. 2015, "Deep residual learning for image recognition" (1512.03385): figure 5, section 3.3 for the shortcuts.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, ClassVar, TypeAlias

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import residual
from deepvision.layers.units import ConvUnit
from deepvision.types import Images, Initializer, Transform

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers

Shortcut: TypeAlias = Callable[["BoundLayers", int, int], Transform]  # of layers, features and stride


def projection(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option B: a linear 1x1 convolution makes the shortcut fit."""
    return ConvUnit(layers, features, 1, stride, first=True, linear=True, name="shortcut")


def projection3x3(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option B, but 3x3 where it has a stride, so that it sees every position."""
    return ConvUnit(layers, features, 1 if stride == 1 else 3, stride, first=True, linear=True, name="shortcut")


def subsampling(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option A: every stride-th position, and zeros in the new channels, half of them in front; no parameters."""

    def shortcut(x: Images) -> Images:
        missing = features - x.shape[-1]
        return jnp.pad(x[:, ::stride, ::stride], [(0, 0)] * 3 + [(missing // 2, missing - missing // 2)])

    return shortcut


def averaging(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Option A with means of stride x stride positions, and zeros behind the old channels; no parameters.

    The means belong to the shortcut and are no site of pooling; what a last window lacks repeats the border.
    """

    def shortcut(x: Images) -> Images:
        n, h, w, c = x.shape
        x = jnp.pad(x, [(0, 0), (0, -h % stride), (0, -w % stride), (0, 0)], mode="edge")
        x = x.reshape(n, -(-h // stride), stride, -(-w // stride), stride, c).mean(axis=(2, 4))
        return jnp.pad(x, [(0, 0)] * 3 + [(0, features - c)])

    return shortcut


PARAMETER_FREE = (subsampling, averaging)


class ResidualUnit(nn.Module):
    """What residual units share.

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        inner: channels inside the branch.
        stride: of the unit.
        dilations: of the 3x3 convolution that has the stride, if one has, and of those behind a stride.
        groups: of a bottleneck's 3x3 convolution.
        shortcut: makes the shortcut fit where shapes change; None: a plain network, without shortcuts.
        depth: place in the network, from 0 to 1.
        scale_init: initial scale of the branch's last norm.
    """

    layers: BoundLayers
    features: int
    inner: int
    stride: int
    dilations: tuple[int, int]
    groups: int
    shortcut: Shortcut | None
    depth: float
    scale_init: Initializer

    expansion: ClassVar[int] = 1  # output channels per channel that the stage has in its paper's table
    drops: ClassVar[bool] = False  # whether dropout stands inside of it, and not in front of the classifier

    @nn.compact
    def __call__(self, x: Images) -> Images:
        if self.shortcut is None:
            return self.branch(x)
        fits = self.stride == 1 and x.shape[-1] == self.features
        return residual(
            self.layers,
            x,
            self.branch,
            None if fits else self.shortcut(self.layers, self.features, self.stride),
            depth=self.depth,
            raw=self.shortcut in PARAMETER_FREE,
        )

    def unit(
        self,
        name: str,
        features: int,
        kernel: int,
        stride: int = 1,
        dilation: int = 1,
        groups: int = 1,
        drop_inputs: bool = False,
    ) -> ConvUnit:
        """Makes a convolution of the branch; in a plain network none is the first or last of a residual function."""
        plain = self.shortcut is None
        last = name == self.last_unit and not plain
        return ConvUnit(
            self.layers,
            features,
            kernel,
            stride,
            dilation=dilation,
            groups=groups,
            first=name == "conv1" and not plain,
            last=last,
            drop_inputs=drop_inputs,
            scale_init=self.scale_init if last else nn.initializers.ones,
            name=name,
        )


class BasicUnit(ResidualUnit):
    """Two 3x3 convolutions. Source: He et al. 2015, figure 5 left."""

    last_unit: ClassVar[str] = "conv2"

    def branch(self, x: Images) -> Images:
        x = self.unit("conv1", self.inner, 3, self.stride, self.dilations[0])(x)
        return self.unit("conv2", self.features, 3, dilation=self.dilations[1], drop_inputs=self.drops)(x)


class WideUnit(BasicUnit):
    """Two 3x3 convolutions with dropout in front of the second. Source: Zagoruyko & Komodakis 2016, figure 1(d)."""

    drops: ClassVar[bool] = True


class Bottleneck(ResidualUnit):
    """1x1, 3x3 and 1x1 convolution. Source: He et al. 2015, figure 5 right.

    The stride is in the 3x3 convolution, as in most implementations since ("v1.5").
    """

    expansion: ClassVar[int] = 4
    last_unit: ClassVar[str] = "conv3"

    def branch(self, x: Images) -> Images:
        x = self.unit("conv1", self.inner, 1)(x)
        x = self.unit("conv2", self.inner, 3, self.stride, self.dilations[0], self.groups)(x)
        return self.unit("conv3", self.features, 1)(x)


class BottleneckV1(Bottleneck):
    """The bottleneck with its stride in the first 1x1 convolution, as in the paper and its Caffe models."""

    def branch(self, x: Images) -> Images:
        x = self.unit("conv1", self.inner, 1, self.stride)(x)
        x = self.unit("conv2", self.inner, 3, 1, self.dilations[1], self.groups)(x)
        return self.unit("conv3", self.features, 1)(x)


class HalvedBottleneck(Bottleneck):
    """The bottleneck whose first 1x1 convolution has half of the inner channels. Source: Hu et al. 2017, SENet-154."""

    def branch(self, x: Images) -> Images:
        x = self.unit("conv1", self.inner // 2, 1)(x)
        x = self.unit("conv2", self.inner, 3, self.stride, self.dilations[0], self.groups)(x)
        return self.unit("conv3", self.features, 1)(x)
