"""Smooth activations of one argument: the input times a gate made of itself, and a few that are neither."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from deepvision.checks import check_positive
from deepvision.layers.activations.bounded import hard_sigmoid
from deepvision.types import Array


def identity(x: Array) -> Array:
    """f(x) = x. No source."""
    return x


def gelu(x: Array) -> Array:
    """f(x) = x Phi(x), Phi the normal distribution function. Source: Hendrycks & Gimpel 2016, section 2."""
    return x * _normal_cdf(x)


def _normal_cdf(x: Array) -> Array:
    """Returns Phi(x).

    In 16 bits 1 + erf(z) would have no digits left where it is small, so that they take erfc, which costs more.
    """
    z = x * math.sqrt(0.5)
    return 0.5 * (1 + jax.lax.erf(z) if x.dtype.itemsize >= 4 else jax.lax.erfc(-z))


def gelu_tanh(x: Array) -> Array:
    """f(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Source: Hendrycks & Gimpel 2016, section 2."""
    inner = math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)
    return x * jax.nn.sigmoid(2 * inner)  # the same, and unlike 1 + tanh exact far on the left


def quick_gelu(x: Array) -> Array:
    """f(x) = x sigmoid(1.702 x). Source: Hendrycks & Gimpel 2016, section 2."""
    return x * jax.nn.sigmoid(1.702 * x)


def silu(x: Array) -> Array:
    """f(x) = x sigmoid(x). Source: Elfwing et al. 2017; Ramachandran et al. 2017 (swish with beta = 1)."""
    return jax.nn.silu(x)


def hard_swish(x: Array) -> Array:
    """f(x) = x hard_sigmoid(x). Source: Howard et al. 2019 (MobileNetV3), section 5.2."""
    return x * hard_sigmoid(x)


def mish(x: Array) -> Array:
    """f(x) = x tanh(softplus(x)). Source: Misra 2019 (1908.08681)."""
    return x * jnp.tanh(jax.nn.softplus(x))


def serf(x: Array) -> Array:
    """f(x) = x erf(softplus(x)). Source: Nag & Bhattacharyya 2021 (2108.09598)."""
    return x * jax.lax.erf(jax.nn.softplus(x))


def snake(x: Array, frequency: float = 1.0) -> Array:
    """f(x) = x + sin(frequency x)^2 / frequency.

    Args:
        frequency: radians per unit of x, above 0.
    Source: Ziyin et al. 2020 (2006.08195).
    """
    check_positive("act 'snake'", "frequency", frequency)
    return x + jnp.square(jnp.sin(frequency * x)) / frequency


def exp(x: Array) -> Array:
    """f(x) = exp(x). No source."""
    return jnp.exp(x)
