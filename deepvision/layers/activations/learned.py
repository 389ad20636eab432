"""Activations with parameters."""

from __future__ import annotations

import functools
import math
from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from deepvision import ops
from deepvision.checks import check_count, check_flag, check_number, check_positive
from deepvision.layers.activations.base import Activation
from deepvision.types import Array


class PReLU(Activation):
    """f(x) = x for x > 0, a x otherwise, with a learned slope `a` per channel, or one for all.

    Attributes:
        negative_slope: the initial a, in [-1, 1].
        shared: one slope for all channels.
    Source: He et al. 2015 (1502.01852), equation 1.
    """

    negative_slope: float = 0.25
    shared: bool = False

    word: ClassVar[str] = "prelu"

    def check(self) -> None:
        check_number(self.where, "negative_slope", self.negative_slope, -1, 1)
        check_flag(self.where, "shared", self.shared)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = (1,) if self.shared else x.shape[-1:]
        slope = self.param("negative_slope", nn.initializers.constant(self.negative_slope), shape)
        return jnp.where(x > 0, x, slope.astype(x.dtype) * x)


class Swish(Activation):
    """f(x) = x sigmoid(beta x), with a learned beta per channel, one for all, or a fixed one.

    Attributes:
        beta: its value, at first; at least 0.
        trainable: whether it is learned.
        shared: one beta for all channels.
    Source: Ramachandran et al. 2017 (1710.05941).
    """

    beta: float = 1.0
    trainable: bool = True
    shared: bool = False

    word: ClassVar[str] = "swish"

    def check(self) -> None:
        check_number(self.where, "beta", self.beta, 0)
        check_flag(self.where, "trainable", self.trainable)
        check_flag(self.where, "shared", self.shared)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        if not self.trainable:
            return x * jax.nn.sigmoid(self.beta * x)
        shape = (1,) if self.shared else x.shape[-1:]
        beta = self.param("beta", nn.initializers.constant(self.beta), shape)
        return x * jax.nn.sigmoid(beta.astype(x.dtype) * x)


class RadialBasis(Activation):
    """f(x) = sum_j w_j exp(-(x - m_j)^2 / (2 s^2)), with learned weights w per channel, or the same for all.

    The centers m lie evenly in [-radius, radius], and s is their distance. The weights start at tanh(m_j) / sqrt(2 pi),
    which makes a smooth tanh; beyond the centers, f falls back to zero.

    Attributes:
        count: of the basis functions, at least 2.
        radius: of the interval that they cover, above 0.
        shared: the same weights for all channels.
    Source: Chen & Pock 2015 (1508.02848), who use 63 on [-310, 310] for images in [0, 255].
    """

    count: int = 31
    radius: float = 4.0
    shared: bool = False

    word: ClassVar[str] = "rbf"

    def check(self) -> None:
        check_count(self.where, "count", self.count, 2)
        check_positive(self.where, "radius", self.radius)
        check_flag(self.where, "shared", self.shared)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        centers = np.linspace(-self.radius, self.radius, self.count)
        start = np.tanh(centers)[:, None] / math.sqrt(2 * math.pi)
        channels = 1 if self.shared else x.shape[-1]
        weights = self.param("weights", lambda key, shape: jnp.broadcast_to(start, shape) + 0.0, (self.count, channels))
        wide = ops.accumulation_dtype(x)
        y = _combination(tuple(centers.tolist()), x.astype(wide), weights.astype(wide))
        return y.astype(x.dtype)


@functools.partial(jax.checkpoint, static_argnums=0)  # else every basis function of every input would be kept
def _combination(centers: tuple[float, ...], x: Array, weights: Array) -> Array:
    """Returns the combination of Gaussians around evenly spaced centers; `weights` is [centers, c or 1]."""
    precision = 1 / (centers[1] - centers[0])
    terms = (weights[j] * jnp.exp(-0.5 * jnp.square((x - m) * precision)) for j, m in enumerate(centers))
    return functools.reduce(jnp.add, terms)
