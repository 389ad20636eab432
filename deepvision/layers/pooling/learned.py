"""Poolings with parameters."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_flag, check_positive
from deepvision.layers.pooling.base import Pool
from deepvision.types import Array


class SubsamplingPool(Pool):
    """y_c = scale_c sum(window) + bias_c, with two learned numbers per map, at first those of the mean.

    Source: LeCun et al. 1998, section II.B.
    """

    word: ClassVar[str] = "subsampling"

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        size = self.window.size ** (x.ndim - 2) if self.window else self.count(x)
        scale = self.param("scale", nn.initializers.constant(1 / size), x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        total = self.total(x.astype(ops.accumulation_dtype(x)))
        return (total * scale + bias).astype(x.dtype)


class MixedPool(Pool):
    """y = a max(window) + (1 - a) mean(window), with a = sigmoid(mix) learned per layer, or per channel.

    Attributes:
        shared: one a for all channels; it starts at 1/2.
    Source: Lee et al. 2016, equation 3.
    """

    shared: bool = True

    word: ClassVar[str] = "mixed"

    def check(self) -> None:
        check_flag(self.where, "shared", self.shared)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        wide = x.astype(ops.accumulation_dtype(x))
        mix = self.param("mix", nn.initializers.zeros, (1,) if self.shared else x.shape[-1:])
        share = jax.nn.sigmoid(mix.astype(wide.dtype))
        return (share * self.largest(wide) + (1 - share) * self.mean(wide)).astype(x.dtype)


class GeneralizedMeanPool(Pool):
    """y = (mean over the window of max(x, epsilon)^p)^(1/p), with p learned per layer, or per channel.

    Attributes:
        p: its value at first, above 0: 1 is the mean, and for large p the largest remains.
        epsilon: what stands in for smaller values, above 0.
        shared: one p for all channels.
    Source: Radenovic et al. 2018, equation 3.
    """

    p: float = 3.0
    epsilon: float = 1e-6
    shared: bool = True

    word: ClassVar[str] = "generalized_mean"

    def check(self) -> None:
        check_positive(self.where, "p", self.p)
        check_positive(self.where, "epsilon", self.epsilon)
        check_flag(self.where, "shared", self.shared)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        wide = x.astype(ops.accumulation_dtype(x))
        p = self.param("p", nn.initializers.constant(self.p), (1,) if self.shared else x.shape[-1:])
        p = p.astype(wide.dtype)
        mean = self.mean(jnp.exp(p * jnp.log(jnp.maximum(wide, self.epsilon))))  # exp and log are faster than pow
        return jnp.exp(jnp.log(mean) / p).astype(x.dtype)
