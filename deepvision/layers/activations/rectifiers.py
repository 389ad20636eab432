"""Activations that let large inputs pass and hold back the negative ones, or the small ones."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from deepvision.checks import check_number, check_positive
from deepvision.layers.activations.bounded import clamp
from deepvision.types import Array


def relu(x: Array) -> Array:
    """f(x) = max(x, 0), with f'(0) = 0. Source: Nair & Hinton 2010."""
    return jax.nn.relu(x)


def relu6(x: Array) -> Array:
    """f(x) = min(max(x, 0), 6). Source: Krizhevsky 2010, "Convolutional deep belief networks on CIFAR-10"."""
    return clamp(x, 0, 6)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """f(x) = x for x > 0, negative_slope x otherwise.

    Args:
        negative_slope: in [0, 1].
    Source: Maas et al. 2013, equation 2.
    """
    check_number("act 'leaky_relu'", "negative_slope", negative_slope, 0, 1)
    return jnp.where(x > 0, x, negative_slope * x)


def squared_relu(x: Array) -> Array:
    """f(x) = max(x, 0)^2. Source: So et al. 2021 (Primer), section 4."""
    return jnp.square(jax.nn.relu(x))


def threshold(x: Array, threshold: float = 1.0, value: float = 0.0) -> Array:
    """f(x) = x for x > threshold, value otherwise.

    Args:
        threshold: what x must exceed to pass.
        value: what stands in for it.
    Source: Konda et al. 2014 (1402.3337), with value = 0.
    """
    check_number("act 'threshold'", "threshold", threshold, -math.inf)
    check_number("act 'threshold'", "value", value, -math.inf)
    return jnp.where(x <= threshold, value, x)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise.

    Args:
        alpha: minus the limit on the left, above 0.
    Source: Clevert et al. 2015, equation 15.
    """
    check_positive("act 'elu'", "alpha", alpha)
    return jax.nn.elu(x, alpha)


def celu(x: Array, alpha: float = 1.0) -> Array:
    """f(x) = x for x > 0, alpha (exp(x / alpha) - 1) otherwise: elu with a continuous derivative for any alpha.

    Args:
        alpha: minus the limit on the left, above 0.
    Source: Barron 2017 (1704.07483), equation 2.
    """
    check_positive("act 'celu'", "alpha", alpha)
    return jax.nn.celu(x, alpha)


def selu(x: Array) -> Array:
    """f(x) = s elu(x, a), s = 1.0507 and a = 1.6733, which keeps mean 0 and variance 1.

    Source: Klambauer et al. 2017, equation 2.
    """
    return jax.nn.selu(x)


def squareplus(x: Array, b: float = 4.0) -> Array:
    """f(x) = (x + sqrt(x^2 + b)) / 2: a smooth relu without exponentials.

    Args:
        b: f(0)^2 times 4, above 0.
    Source: Barron 2021 (2112.11687), equation 1.
    """
    check_positive("act 'squareplus'", "b", b)
    return jax.nn.squareplus(x, b)


def softshrink(x: Array, threshold: float = 0.5) -> Array:
    """f(x) = sign(x) max(|x| - threshold, 0).

    Args:
        threshold: at least 0.
    Source: Donoho 1995, "De-noising by soft-thresholding".
    """
    check_number("act 'softshrink'", "threshold", threshold, 0)
    return jnp.where(jnp.abs(x) <= threshold, 0, x - threshold * jnp.sign(x))


def hardshrink(x: Array, threshold: float = 0.5) -> Array:
    """f(x) = x for |x| > threshold, 0 otherwise.

    Args:
        threshold: at least 0.
    Source: Donoho & Johnstone 1994, "Ideal spatial adaptation by wavelet shrinkage".
    """
    check_number("act 'hardshrink'", "threshold", threshold, 0)
    return jnp.where(jnp.abs(x) <= threshold, 0, x)


def tanhshrink(x: Array) -> Array:
    """f(x) = x - tanh(x). No source."""
    return x - jnp.tanh(x)
