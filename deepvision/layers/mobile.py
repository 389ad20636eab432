"""The blocks of networks for small devices, built on convolutions of every channel for itself (depthwise).

Howard et al. 2017, "MobileNets" (1704.04861): the depthwise separable convolution.
Sandler et al. 2018, "MobileNetV2: inverted residuals and linear bottlenecks" (1801.04381): the inverted residual.
Tan & Le 2021, "EfficientNetV2: smaller models and faster training" (2104.00298): the fused inverted residual.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, NamedTuple

import flax.linen as nn

from deepvision.errors import UserError
from deepvision.layers.blocks import open_branch, residual
from deepvision.layers.units import ConvUnit
from deepvision.types import Images, Transform

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


def divisible(channels: float, divisor: int = 8) -> int:
    """Returns the multiple of `divisor` nearest to a number of channels, at least one and not below nine tenths of it.

    Source: the authors' code of MobileNetV2, in use since by all networks whose widths are scaled.
    """
    nearest = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return nearest + divisor if nearest < 0.9 * channels else nearest


class Place(NamedTuple):
    """Where a block stands in its network.

    Attributes:
        stage, index: row of the paper's table, and block within the row, both from 0.
        inputs, features: channels that enter and leave.
        stride: of the block.
        depth: from 0 at the first block of all to 1 at the last.
    """

    stage: int
    index: int
    inputs: int
    features: int
    stride: int
    depth: float

    @property
    def name(self) -> str:
        return f"layer{self.stage + 1}_{self.index}"


def places(inputs: int, rows: Sequence[tuple[int, int, int]], small_images: bool = False) -> Iterator[Place]:
    """Returns where the blocks of a paper's table stand.

    Args:
        inputs: channels that enter the first block.
        rows: channels, blocks, and stride of the first block of every row; the other blocks have stride one.
        small_images: the first stride of two is one, so that images are halved once less.
    """
    total, position = sum(blocks for _, blocks, _ in rows), 0
    halving = next((stage for stage, (_, _, stride) in enumerate(rows) if stride > 1), None)
    for stage, (features, blocks, stride) in enumerate(rows):
        stride = 1 if small_images and stage == halving else stride
        for index in range(blocks):
            depth = position / max(total - 1, 1)
            yield Place(stage, index, inputs, features, stride if index == 0 else 1, depth)
            inputs, position = features, position + 1


def run_stages(layers: BoundLayers, x: Images, blocks: Iterable[tuple[nn.Module, int]]) -> list[Images]:
    """Runs blocks, each with its stride, and returns the pyramid: what enters each stride, and what leaves the last."""
    stages, stage = [], []
    for block, stride in blocks:
        if stride > 1:
            x, stage = layers.chain(stage, x), []
            stages.append(x)
        stage.append(block)
    return [*stages, layers.chain(stage, x)]


class DepthwiseSeparable(nn.Module):
    """A 3x3 depthwise and a 1x1 (pointwise) convolution, norm and activation behind both, and attention in the end.

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        stride: of the depthwise convolution.
    Source: Howard et al. 2017, figure 3 right.
    """

    layers: BoundLayers
    features: int
    stride: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        x = _depthwise(self.layers, x, 3, self.stride)
        return ConvUnit(self.layers, self.features, 1, attend=True, name="pointwise")(x)


class InvertedResidual(nn.Module):
    """1x1 expansion, depthwise convolution, attention and linear 1x1 projection (MBConv), on a residual branch.

    The bottlenecks between the blocks are linear: no activation stands behind the projection or the sum. Under
    placement `pre`, the branch is opened by a norm alone. There is a shortcut where input and output have one shape, or
    where the network says what makes them fit.

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        hidden: channels inside; the expansion is left out where they are as many as the input's.
        kernel: side of the depthwise convolution.
        stride: of the depthwise convolution.
        attend: whether an attention block stands behind the depthwise convolution; its layers are of the second kind.
        squeeze: units of the attention block's bottleneck, where the paper says how many.
        depth: place in the network, from 0 to 1.
        shortcut: makes the shortcut fit where shapes change; None: there is none then.
        expand_strides: the stride is that of the expansion.
    Source: Sandler et al. 2018, figures 3(b) and 4(d); with squeeze and excitation, Tan et al. 2018 (1807.11626),
        figure 7, and Howard et al. 2019 (1905.02244), figure 4.
    """

    layers: BoundLayers
    features: int
    hidden: int
    kernel: int = 3
    stride: int = 1
    attend: bool = True
    squeeze: int | None = None
    depth: float = 0.0
    shortcut: Callable[[BoundLayers, int, int], Transform] | None = None
    expand_strides: bool = False

    @nn.compact
    def __call__(self, x: Images) -> Images:
        fits = self.stride == 1 and x.shape[-1] == self.features
        if fits or self.shortcut:
            shortcut = None if fits else self.shortcut(self.layers, self.features, self.stride)
            return residual(
                self.layers, x, self.branch, shortcut, depth=self.depth, raw=True, linear=True, attend=False
            )
        return self.branch(open_branch(self.layers, x, linear=True))

    def branch(self, x: Images) -> Images:
        L = self.layers
        expands = self.hidden != x.shape[-1]
        strides = (self.stride, 1) if self.expand_strides else (1, self.stride)
        if expands:
            x = ConvUnit(L, self.hidden, 1, strides[0], first=True, name="expand")(x)
        x = _depthwise(L, x, self.kernel, strides[1], first=not expands)
        if self.attend:
            x = L.second.attention(name="attention", hidden=self.squeeze)(x)
        return ConvUnit(L, self.features, 1, last=True, name="project")(x)


class FusedInvertedResidual(nn.Module):
    """The inverted residual whose expansion and depthwise convolution are one full convolution (Fused-MBConv).

    Where the channels inside are as many as the input's, that convolution is all there is, and it keeps its activation.

    Attributes:
        layers, features, hidden, kernel, stride, depth: as in `InvertedResidual`.
    Source: Tan & Le 2021, figure 2 right; without squeeze and excitation, as table 4 has it.
    """

    layers: BoundLayers
    features: int
    hidden: int
    kernel: int = 3
    stride: int = 1
    depth: float = 0.0

    @nn.compact
    def __call__(self, x: Images) -> Images:
        linear = self.hidden != x.shape[-1]
        branch = self.bottleneck if linear else self.convolution
        if self.stride == 1 and x.shape[-1] == self.features:
            return residual(self.layers, x, branch, depth=self.depth, linear=linear, activate=False, attend=False)
        return branch(open_branch(self.layers, x, linear))

    def bottleneck(self, x: Images) -> Images:
        x = ConvUnit(self.layers, self.hidden, self.kernel, self.stride, first=True, name="expand")(x)
        return ConvUnit(self.layers, self.features, 1, last=True, name="project")(x)

    def convolution(self, x: Images) -> Images:
        return ConvUnit(self.layers, self.features, self.kernel, self.stride, first=True, name="conv")(x)


def _depthwise(layers: BoundLayers, x: Images, kernel: int, stride: int, first: bool = False) -> Images:
    """Applies a depthwise unit, "depthwise"; refuses activations whose width it cannot make good."""
    behind, width = layers.placement == "pre", layers.act_width
    if not layers.norm_activates and (width < 1 if behind else width > 1):
        raise UserError(
            f"act {layers.choices.act} changes the width, and a depthwise convolution"
            f" {'behind' if behind else 'in front of'} it has as many channels on both sides;"
            f" use placement {'post' if behind else 'pre'!r}"
        )
    channels = x.shape[-1]
    return ConvUnit(layers, channels, kernel, stride, groups=channels, first=first, name="depthwise")(x)
