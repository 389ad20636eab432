"""Activations that join or double channels: what comes out is wider or narrower than what goes in."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp

from deepvision.checks import check_count
from deepvision.errors import UserError
from deepvision.layers.activations.smooth import gelu
from deepvision.types import Array


def crelu(x: Array) -> Array:
    """f(x) = [relu(x), relu(-x)]: [..., c] -> [..., 2c]. Source: Shang et al. 2016, definition 2.1."""
    return jnp.concatenate([jax.nn.relu(x), jax.nn.relu(-x)], axis=-1)


def maxout(x: Array, k: int = 2) -> Array:
    """f(x)_i = max of k consecutive channels: [..., c] -> [..., c / k].

    Args:
        k: channels per group, at least 1; must divide c.
    Source: Goodfellow et al. 2013, section 3.
    """
    check_count("act 'maxout'", "k", k)
    if x.shape[-1] % k:
        raise UserError(f"act 'maxout': k must divide the channels, got k={k} and {x.shape[-1]} channels")
    return functools.reduce(jnp.maximum, (x[..., i::k] for i in range(k)))


def _halves(entry: str, x: Array) -> list[Array]:
    if x.shape[-1] % 2:
        raise UserError(f"act {entry!r} joins pairs of channels, and cannot take {x.shape[-1]} of them")
    return jnp.split(x, 2, axis=-1)


def glu(x: Array) -> Array:
    """f([a, b]) = a sigmoid(b), a and b the halves of the channels: [..., c] -> [..., c / 2].

    Source: Dauphin et al. 2016, equation 1.
    """
    a, b = _halves("glu", x)
    return a * jax.nn.sigmoid(b)


def geglu(x: Array) -> Array:
    """f([a, b]) = a gelu(b), a and b the halves of the channels: [..., c] -> [..., c / 2].

    Source: Shazeer 2020, equation 5, with the halves the other way around.
    """
    a, b = _halves("geglu", x)
    return a * gelu(b)


def swiglu(x: Array) -> Array:
    """f([a, b]) = silu(a) b, a and b the halves of the channels: [..., c] -> [..., c / 2].

    Source: Shazeer 2020, equation 5.
    """
    a, b = _halves("swiglu", x)
    return jax.nn.silu(a) * b


def reglu(x: Array) -> Array:
    """f([a, b]) = relu(a) b, a and b the halves of the channels: [..., c] -> [..., c / 2].

    Source: Shazeer 2020, equation 5.
    """
    a, b = _halves("reglu", x)
    return jax.nn.relu(a) * b
