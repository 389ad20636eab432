"""What the tests of the norms share."""

from __future__ import annotations

import functools
from typing import Any

import flax.linen as nn
import jax
import numpy as np

from deepvision.layers.norms import NORMS, Norm
from deepvision.types import Array


def make(name: str, **arguments: Any) -> Norm:
    """Returns the norm of the table at a site that wants an activation."""
    return NORMS[name](activate=True, **arguments)


def normal(shape: tuple[int, ...], seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def random_variables(norm: nn.Module, x: Array, seed: int = 0) -> dict[str, Any]:
    """Returns variables with values in [0.5, 1.5]: no zeros or ones, behind which a mistake could hide."""
    generator = np.random.default_rng(seed)
    shapes = jax.eval_shape(lambda: norm.init(jax.random.key(0), x, True))
    return jax.tree.map(lambda leaf: generator.uniform(0.5, 1.5, leaf.shape).astype(x.dtype), shapes)


@functools.partial(jax.jit, static_argnames=("norm", "train"))
def forward(norm: nn.Module, variables: Any, x: Array, train: bool = True) -> Array:
    """Returns y, compiled."""
    return norm.apply(variables, x, train, mutable=["batch_stats"])[0]


def relative_error(value: Any, expected: Any) -> float:
    """Returns the largest deviation, as a part of the largest expected value."""
    value, expected = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    assert value.shape == expected.shape
    return float(np.max(np.abs(value - expected)) / np.max(np.abs(expected)))
