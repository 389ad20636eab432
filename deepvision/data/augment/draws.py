"""What is made of uniform draws: numbers, and boxes of a random area and shape as torchvision draws them.

An augmentation draws once: every call of a generator is compiled anew.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.types import Array, Key

_TRIES = 10


class Box(NamedTuple):
    """Rows `top` to `top` + `rows` - 1 of an image, and columns likewise; numbers."""

    top: Array | int
    left: Array | int
    rows: Array | int
    columns: Array | int


def draw_box(
    key: Key, size: tuple[int, int], largest: tuple[int, int], scale: tuple[float, float], ratio: tuple[float, float]
) -> tuple[Box, Array]:
    """Returns a box inside of an image, and whether one was found: the first of ten that is not too large.

    Args:
        key: of the draw.
        size: (height, width) of the image.
        largest: the most rows and columns of the box.
        scale: least and greatest area of the box as a share of the image, drawn uniformly.
        ratio: least and greatest width / height, whose logarithm is drawn uniformly.
    """
    draws = jax.random.uniform(key, (2 * _TRIES + 2,))
    area = size[0] * size[1] * between(draws[:_TRIES], *scale)
    shape = jnp.exp(between(draws[_TRIES:-2], *map(math.log, ratio)))
    rows, columns = (jnp.rint(side).astype(jnp.int32) for side in (jnp.sqrt(area / shape), jnp.sqrt(area * shape)))
    fits = (rows > 0) & (rows <= largest[0]) & (columns > 0) & (columns <= largest[1])
    first = jnp.argmax(fits)
    rows, columns = rows[first], columns[first]
    top, left = (one_of(u, side - n + 1) for u, side, n in zip(draws[-2:], size, (rows, columns), strict=True))
    return Box(top, left, rows, columns), fits[first]


def between(draw: Array, low: Array | float, high: Array | float) -> Array:
    """Returns what lies uniformly in [low, high), of a draw that lies in [0, 1)."""
    return low + draw * (high - low)


def one_of(draw: Array, count: Array | int) -> Array:
    """Returns a whole number in [0, count), each as likely, of a draw that lies in [0, 1); 0 of a count below 1."""
    return jnp.floor(draw * jnp.maximum(count, 1)).astype(jnp.int32)


def check_range(where: str, argument: str, value: Any, low: float, high: float) -> None:
    """Raises a UserError unless `value` is two numbers in rising order, above `low` and at most `high`."""
    pair = isinstance(value, list | tuple) and len(value) == 2
    numbers = pair and all(isinstance(v, int | float) and not isinstance(v, bool) for v in value)
    if not numbers or not low < value[0] <= value[1] <= high:
        bounds = f"above {low:g}" + (f" and at most {high:g}" if high < math.inf else "")
        raise UserError(f"{where}: {argument} must be two rising numbers {bounds}, got {value!r}")
