"""Kernels as what penalties and projections act on: matrices [filter, outputs]."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.params import is_kernel
from deepvision.types import Array


def kernels(params: Any) -> list[Array]:
    """Returns the kernels among the parameters; see `params.is_kernel`."""
    return [value for path, value in jax.tree_util.tree_leaves_with_path(params) if is_kernel(path, value)]


def map_kernels(function: Callable[[Array], Array], params: Any) -> Any:
    """Returns the parameters with `function`, matrix [filter, outputs] -> same, applied to every kernel."""

    def mapped(path: tuple[Any, ...], value: Array) -> Array:
        if not is_kernel(path, value):
            return value
        return function(as_matrix(value)).reshape(value.shape).astype(value.dtype)

    return jax.tree_util.tree_map_with_path(mapped, params)


def as_matrix(kernel: Array) -> Array:
    """Views a kernel [..., inputs, outputs] as [filter, outputs], in float32 at least.

    A grouped kernel is one matrix too: its outputs, side by side, see different inputs through equal filters.
    """
    return kernel.reshape(-1, kernel.shape[-1]).astype(ops.accumulation_dtype(kernel))


def tall(matrix: Array) -> Array:
    """Returns the matrix, or its transpose where it is wider than tall: of the two, what can have W^T W = I."""
    return matrix if matrix.shape[0] >= matrix.shape[1] else matrix.T


def absolute(x: Array) -> Array:
    """Returns |x|, whose gradient at zero is zero (that of `jnp.abs` is one)."""
    return x * jnp.sign(x)


def norm(x: Array, axis: int | None = None) -> Array:
    """Returns the Euclidean norm along `axis` (None: of all), whose gradient at zero is zero."""
    squared = jnp.sum(jnp.square(x), axis=axis)
    positive = squared > 0
    return jnp.where(positive, jnp.sqrt(jnp.where(positive, squared, 1)), 0)


def start_vector(size: int, dtype: jnp.dtype) -> Array:
    """Returns a unit vector to start power iterations from: the same at every call, with no direction preferred."""
    return ops.l2_normalize(jax.random.normal(jax.random.key(0), (size,), dtype))
