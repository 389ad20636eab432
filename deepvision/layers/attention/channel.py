"""Attention to channels: one gate per example and channel, out of what the positions have in common."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_number, check_one_of, check_positive
from deepvision.errors import UserError
from deepvision.layers.attention.base import AttentionBlock, position_axes, require_plane
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.types import Array, Images

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


def mean_over_positions(x: Array) -> Array:
    """Returns [n, ..., c] as [n, 1, ..., c], the mean over positions; features [n, c] as they are."""
    wide = x.astype(ops.accumulation_dtype(x))
    return jnp.mean(wide, axis=position_axes(x), keepdims=True).astype(x.dtype)


def bottleneck(layers: BoundLayers, x: Array, hidden: int) -> Array:
    """Returns W2 act(W1 x), with so many hidden units; call it inside a compact method."""
    reduced = DenseUnit(layers, hidden, linear=True, name="reduce")(x)
    return layers.dense(x.shape[-1], name="expand")(reduced)


def reduced_by(x: Array, reduction: int) -> int:
    """Returns the channels of x divided by `reduction`, at least one."""
    return max(x.shape[-1] // reduction, 1)


class SqueezeExcite(AttentionBlock):
    """y = x gate(W2 act(W1 mean(x))), the mean over positions: one gate per example and channel.

    Attributes:
        reduction: the hidden layer has c / reduction units, at least one; None: as many as the network's paper says, or
            else c / 16.
        gate: "sigmoid" or "hard_sigmoid", min(max(x + 3, 0), 6) / 6.
    Source: Hu et al. 2017, equations 2-4; hard gate, Howard et al. 2019 (1905.02244), section 5.2.
    """

    reduction: int | None = None
    gate: str = "sigmoid"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        where = "attention 'se'"
        check_one_of(where, "gate", self.gate, tuple(_GATES))
        if self.reduction is not None:
            check_count(where, "reduction", self.reduction)
        hidden = reduced_by(x, self.reduction or 16) if self.reduction or not self.hidden else self.hidden
        return x * _GATES[self.gate](bottleneck(self.layers, mean_over_positions(x), hidden))


_GATES = {"sigmoid": jax.nn.sigmoid, "hard_sigmoid": jax.nn.hard_sigmoid}


class EfficientChannelAttention(AttentionBlock):
    """y = x sigmoid(conv(mean(x))), a convolution of `size` taps along the channels, without a bias.

        size = t if t is odd, else t + 1,    t = int(|log2(c) + b| / gamma)

    Attributes:
        gamma, b: of the formula; gamma above 0.
    Source: Wang et al. 2019 (1910.03151), equations 9 and 12.
    """

    gamma: float = 2.0
    b: float = 1.0

    @nn.compact
    def __call__(self, x: Array) -> Array:
        check_positive("attention 'eca'", "gamma", self.gamma)
        check_number("attention 'eca'", "b", self.b)
        size = int(abs((math.log2(x.shape[-1]) + self.b) / self.gamma))
        size += 1 - size % 2
        squeezed = mean_over_positions(x)
        conv = self.layers.conv(1, (size, 1), padding=(size // 2, 0), use_bias=False, linear=True, name="conv")
        gate = conv(squeezed.reshape(x.shape[0], x.shape[-1], 1, 1)).reshape(squeezed.shape)
        return x * jax.nn.sigmoid(gate)


class GatherExcite(AttentionBlock):
    """y = x sigmoid(excite(gather(x))), the gathered context of every neighbourhood put back to its positions.

    Attributes:
        extent: positions on the side of a neighbourhood; 0: the whole plane.
        gather: "mean" over the neighbourhood, or "depthwise": learned, by convolutions of every channel for itself
            (one over the whole plane, or log2(extent) of stride two, for which the extent must be a power of two).
        excite: "none", or "bottleneck": two dense layers over the channels, as in `se`.
        reduction: of the bottleneck: its hidden layer has c / reduction units, at least one.
    Source: Hu et al. 2018 (Gather-Excite), sections 3-5: GE-theta^- (mean, none), GE-theta (depthwise, none) and
        GE-theta^+ (depthwise, bottleneck).
    """

    extent: int = 0
    gather: str = "mean"
    excite: str = "none"
    reduction: int = 16

    @nn.compact
    def __call__(self, x: Array) -> Array:
        self._check(x)
        context = self._depthwise(x) if self.gather == "depthwise" else self._mean(x)
        if self.excite == "bottleneck":
            context = bottleneck(self.layers, context, reduced_by(context, self.reduction))
        if self.extent:
            context = jax.image.resize(context, x.shape, "nearest")
        return x * jax.nn.sigmoid(context)

    def _check(self, x: Array) -> None:
        where = "attention 'gather_excite'"
        check_count(where, "extent", self.extent, low=0)
        check_one_of(where, "gather", self.gather, ("mean", "depthwise"))
        check_one_of(where, "excite", self.excite, ("none", "bottleneck"))
        check_count(where, "reduction", self.reduction)
        if self.extent == 1 or (self.gather == "depthwise" and self.extent & (self.extent - 1)):
            valid = "0 or a power of 2 above 1" if self.gather == "depthwise" else "0 or at least 2"
            raise UserError(f"{where}: extent must be {valid}, got {self.extent}")
        if self.extent or self.gather == "depthwise":
            require_plane(where, x)

    def _mean(self, x: Array) -> Array:
        if not self.extent:
            return mean_over_positions(x)
        side = 2 * self.extent - 1
        window, strides = (1, side, side, 1), (1, self.extent, self.extent, 1)
        padding = [(0, 0), *[(self.extent - 1, self.extent - 1)] * 2, (0, 0)]
        count = lax.reduce_window(jnp.ones((1, *x.shape[1:3], 1), x.dtype), 0.0, lax.add, window, strides, padding)
        return lax.reduce_window(x, 0.0, lax.add, window, strides, padding) / count

    def _depthwise(self, x: Images) -> Images:
        channels = x.shape[-1]
        if not self.extent:
            unit = ConvUnit(
                self.layers, channels, x.shape[1:3], padding=0, groups=channels, first=True, last=True, name="gather"
            )
            return unit(x)
        steps = self.extent.bit_length() - 1
        for step in range(steps):
            unit = ConvUnit(
                self.layers,
                channels,
                3,
                2,
                groups=channels,
                first=step == 0,
                last=step == steps - 1,
                name=f"gather{step + 1}",
            )
            x = unit(x)
        return x
