"""Errors of restored values: functions of (x, y), both arrays of one shape, to an array of the same."""

from __future__ import annotations

import jax.numpy as jnp

from deepvision.types import Array


def squared(x: Array, y: Array) -> Array:
    """Returns (x - y)^2."""
    return jnp.square(x - y)


def absolute(x: Array, y: Array) -> Array:
    """Returns |x - y|.

    Source: Zhao et al. 2015, "Loss functions for image restoration with neural networks" (1511.08861), equation 2.
    """
    return jnp.abs(x - y)


def charbonnier(x: Array, y: Array, epsilon: float = 1e-3) -> Array:
    """Returns sqrt((x - y)^2 + epsilon^2).

    Source: Lai et al. 2017, "Deep Laplacian pyramid networks" (1704.03915), equation 3.
    """
    return jnp.sqrt(jnp.square(x - y) + epsilon**2)


LOSSES = {"mse": squared, "l1": absolute, "charbonnier": charbonnier}
for _loss in LOSSES.values():
    _loss.site_arguments = ("x", "y")  # what the task gives; the rest is the user's
