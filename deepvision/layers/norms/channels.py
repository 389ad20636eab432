"""Norms whose statistics are taken over the channels of one position."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_number
from deepvision.layers.norms.base import Norm
from deepvision.types import Array


class LayerNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example and position over the channels.

    Attributes:
        epsilon: added to the variance.
    Source: Ba et al. 2016, equation 3; as transformers use it.
    """

    epsilon: float = 1e-6

    word = "layer"
    couples = "c"
    ignores_scale = "nhw"
    ignores_shift = "nhw"

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        return self.affine(ops.standardize(x, (x.ndim - 1,), self.epsilon)).astype(x.dtype)


class RMSNorm(Norm):
    """y = scale x / sqrt(mean(x^2) + epsilon), the mean per example and position over the channels; no bias.

    Attributes:
        epsilon: added to the mean square.
    Source: Zhang & Sennrich 2019, equation 4.
    """

    epsilon: float = 1e-6

    word = "rms"
    shifts = False
    couples = "c"
    ignores_scale = "nhw"
    ignores_shift = None

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        y = y * lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + self.epsilon)
        return (y * self.scale(y)).astype(x.dtype)


class L2Norm(Norm):
    """y = scale x / max(||x||_2, epsilon), the norm per example and position over the channels; no bias.

    Attributes:
        epsilon: lower bound of the norm.
    Source: Liu et al. 2015 (ParseNet), equations 1 and 3.
    """

    epsilon: float = 1e-12

    word = "l2"
    shifts = False
    couples = "c"
    ignores_scale = "nhw"
    ignores_shift = None

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        y = y / jnp.maximum(ops.euclidean_norm(y, (-1,)), self.epsilon)
        return (y * self.scale(y)).astype(x.dtype)
