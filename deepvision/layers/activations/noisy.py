"""Activations that draw, in training, out of the stream `dropout`: per example, from its place in the global batch."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_number
from deepvision.layers.activations.base import Activation
from deepvision.types import Array


class RReLU(Activation):
    """f(x) = x for x > 0, a x otherwise, with a ~ Uniform(lower, upper) drawn for every value.

    In evaluation a is the mean, (lower + upper) / 2.

    Attributes:
        lower: least slope, in [0, 1].
        upper: largest slope, in [lower, 1].
    Source: Xu et al. 2015 (1505.00853), section 2.4, who draw 1 / a instead.
    """

    lower: float = 1 / 8
    upper: float = 1 / 3

    word: ClassVar[str] = "rrelu"

    def check(self) -> None:
        check_number(self.where, "lower", self.lower, 0, 1)
        check_number(self.where, "upper", self.upper, self.lower, 1)

    def __call__(self, x: Array, train: bool) -> Array:
        slope = self._draw(x).astype(x.dtype) if train else (self.lower + self.upper) / 2
        return jnp.where(x > 0, x, slope * x)

    def _draw(self, x: Array) -> Array:
        keys = ops.example_keys(self.make_rng("dropout"), x.shape[0])
        return jax.vmap(lambda key: jax.random.uniform(key, x.shape[1:], minval=self.lower, maxval=self.upper))(keys)


class NoisyReLU(Activation):
    """f(x) = max(x + e, 0), with e ~ N(0, sigmoid(x)) drawn for every value: binary units summed, as they fire.

    In evaluation e = 0, which is relu. The gradient holds the noise constant.
    Source: Nair & Hinton 2010, section 2.2.
    """

    word: ClassVar[str] = "noisy_relu"

    def __call__(self, x: Array, train: bool) -> Array:
        return nn.relu(x + self._draw(x) if train else x)

    def _draw(self, x: Array) -> Array:
        keys = ops.example_keys(self.make_rng("dropout"), x.shape[0])
        standard = jax.vmap(lambda key: jax.random.normal(key, x.shape[1:]))(keys)
        return lax.stop_gradient(standard.astype(x.dtype) * jnp.sqrt(jax.nn.sigmoid(x)))
