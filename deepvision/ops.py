"""Pure functions on arrays that several floors share. Nothing here knows of layers, networks or training."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax import lax

from deepvision.types import Array, Key

BATCH_AXIS = "batch"  # the name of the mapped device axis, wherever one is


def accumulation_dtype(x: Array) -> jnp.dtype:
    """Returns the type in which statistics of `x` are summed: its own, but float32 at least."""
    return jnp.promote_types(x.dtype, jnp.float32)


def axis_bound(axis_name: str) -> bool:
    """Tells whether the code being traced stands inside a map over `axis_name`."""
    try:
        lax.axis_size(axis_name)
    except NameError:
        return False
    return True


def moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Returns mean and biased variance over `axes`, kept as axes of size one.

    The variance is the mean squared deviation from the mean, which does not cancel where the mean is large.
    """
    mean = jnp.mean(x, axes, keepdims=True)
    return mean, jnp.mean(jnp.square(x - mean), axes, keepdims=True)


def global_moments(x: Array, axes: Sequence[int], axis_name: str) -> tuple[Array, Array]:
    """Returns `moments` over `axes` and over all devices of `axis_name`, each of which holds equally many values."""
    mean, variance = moments(x, axes)
    if not axis_bound(axis_name):
        return mean, variance
    center = lax.pmean(mean, axis_name)
    return center, lax.pmean(variance + jnp.square(mean - center), axis_name)


def standardize(x: Array, axes: Sequence[int], epsilon: float) -> Array:
    """Returns (x - mean) / sqrt(variance + epsilon), the moments taken over `axes`, in `x`'s accumulation type.

    Over no axes at all there is nothing to standardize, and `x` comes back as it is.
    """
    x = x.astype(accumulation_dtype(x))
    if not axes:
        return x
    mean, variance = moments(x, axes)
    return (x - mean) * lax.rsqrt(variance + epsilon)


def l2_normalize(x: Array, epsilon: float = 1e-12) -> Array:
    """Returns x / max(||x||_2, epsilon) for a vector."""
    return x / jnp.maximum(jnp.linalg.norm(x), epsilon)


def power_iteration(matrix: Array, u: Array, steps: int) -> tuple[Array, Array]:
    """Approaches the leading singular vectors of `matrix` [rows, columns] from `u` [rows].

    Each step is v = W^T u / ||W^T u||, u = W v / ||W v||. Returns (u [rows], v [columns]); steps >= 1.
    Source: Miyato et al. 2018, algorithm 1.
    """
    for _ in range(steps):
        v = l2_normalize(matrix.T @ u)
        u = l2_normalize(matrix @ v)
    return u, v


def example_keys(key: Key, count: int) -> Key:
    """Returns one key per example of this device's part of the batch, a function of its place in the global batch.

    What is drawn from them does not depend on how many devices the batch is spread over.
    """
    first = lax.axis_index(BATCH_AXIS) * count if axis_bound(BATCH_AXIS) else 0
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(first + jnp.arange(count))
