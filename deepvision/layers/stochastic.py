"""Noise that regularizes. Each draws per example, from its place in the global batch, out of the stream `dropout`."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.types import Array, Shape


def _keep(module: nn.Module, x: Array, rate: float, shape: Shape) -> Array:
    """Returns x / (1 - rate) where a coin of that chance falls, else 0; one coin per entry of [n, *shape]."""
    keys = ops.example_keys(module.make_rng("dropout"), x.shape[0])
    coins = jax.vmap(lambda key: jax.random.bernoulli(key, 1 - rate, shape))(keys)
    return jnp.where(coins, x / (1 - rate), jnp.zeros_like(x))


class Dropout(nn.Module):
    """Sets each value to zero with chance `rate` and divides the others by 1 - rate. Source: Srivastava et al. 2014."""

    rate: float

    def __call__(self, x: Array, train: bool) -> Array:
        return _keep(self, x, self.rate, x.shape[1:]) if train else x


class DropPath(nn.Module):
    """Sets a residual branch to zero for a whole example with chance `rate`. Source: Huang et al. 2016, equation 2.

    What remains is divided by 1 - rate, so that evaluation needs no scaling.
    """

    rate: float

    def __call__(self, x: Array, train: bool) -> Array:
        return _keep(self, x, self.rate, (1,) * (x.ndim - 1)) if train else x
