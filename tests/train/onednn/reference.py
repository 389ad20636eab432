"""Values and gradients in singles beside those in doubles, which stay with XLA."""

from __future__ import annotations

import functools
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.normal(size=shape) for shape in shapes]


def with_gradients(function: Callable, *operands):
    """Returns value and gradients of a function, for a fixed cotangent."""
    y, pull = jax.vjp(function, *operands)
    return y, *pull(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))


def check(function: Callable, *operands: np.ndarray) -> str:
    """Compares value and gradients with those of doubles; returns the program."""
    with jax.enable_x64(True):
        expected = jax.jit(functools.partial(with_gradients, function))(*operands)
    singles = [jnp.asarray(operand, jnp.float32) for operand in operands]
    compiled = jax.jit(functools.partial(with_gradients, function)).lower(*singles).compile()
    for found, wanted in zip(compiled(*singles), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-5 * np.abs(wanted).max())
    return compiled.as_text()


def calls(text: str, target: str) -> int:
    """Returns how often a program calls a function of oneDNN's."""
    return text.count(f'custom_call_target="{target}"')
