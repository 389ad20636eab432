"""Norms that take no statistics: what remains of a norm where there is nothing to normalize by."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_positive
from deepvision.layers.norms.base import Norm
from deepvision.types import Array


class _Elementwise(Norm):
    couples = ""
    ignores_scale = None
    ignores_shift = None


class NoNorm(_Elementwise):
    """y = x, without parameters. No source."""

    word = "none"
    shifts = False

    def __call__(self, x: Array, train: bool) -> Array:
        return x


class Affine(_Elementwise):
    """y = scale x + bias: the learned map of the other norms alone.

    Source: Touvron et al. 2021 (ResMLP), equation 1.
    """

    word = "affine"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        return self.affine(x.astype(ops.accumulation_dtype(x))).astype(x.dtype)


class DynamicTanh(_Elementwise):
    """y = scale tanh(alpha x) + bias, with one learned alpha for all channels.

    Attributes:
        alpha: initial alpha, above 0.
    Source: Zhu et al. 2025 (Transformers without Normalization), equation 1; alpha = 0.5 from section 4.
    """

    alpha: float = 0.5

    word = "dynamic_tanh"

    def check(self) -> None:
        check_positive(self.where, "alpha", self.alpha)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        alpha = self.param("alpha", nn.initializers.constant(self.alpha), (1,)).astype(y.dtype)
        return self.affine(jnp.tanh(alpha * y)).astype(x.dtype)
