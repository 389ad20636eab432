"""Where a token stands: fixed positions, and learned ones brought to another grid."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.types import Array, Shape

Pair = tuple[int, int]


def sincos2d(grid: Pair, channels: int, temperature: float = 10_000.0) -> np.ndarray:
    """Returns fixed positions [1, h w, c] of a grid: a quarter of the channels each for

        sin(x f_k), cos(x f_k), sin(y f_k), cos(y f_k),    f_k = temperature^(-k / (c / 4 - 1)),  k = 0 ... c / 4 - 1

    Raises: UserError unless four divides the channels, and there are eight at least.
    Source: Vaswani et al. 2017, section 3.5, over two axes; Beyer et al. 2022 (2205.01580), section 2, and its code.
    """
    if channels % 4 or channels < 8:
        raise UserError(f"sincos2d positions need channels in fours, at least 8, not {channels}; change the width")
    quarter = channels // 4
    frequencies = temperature ** (-np.arange(quarter) / (quarter - 1))
    y, x = (axis.reshape(-1, 1) * frequencies for axis in np.mgrid[: grid[0], : grid[1]])
    return np.concatenate([np.sin(x), np.cos(x), np.sin(y), np.cos(y)], axis=1)[None]


def resize_positions(positions: Array, tokens_in_front: int, old: Pair, new: Pair) -> Array:
    """Returns learned positions of a grid of patches for another grid: [1, f + h w, c] -> [1, f + h' w', c].

    The positions of the f tokens in front stay. The others are interpolated bicubically (Keys' cubic with a = -0.5)
    between the centers of the patches, along axes that shrink with the cubic stretched against aliasing, as timm does.

    Source: Dosovitskiy et al. 2020, section 3.2.
    """
    front, patches = jnp.split(jnp.asarray(positions), [tokens_in_front], axis=1)
    return jnp.concatenate([front, _resize(patches[0], old, new)[None]], axis=1)


def resize_relative_positions(table: Array, old: Pair, new: Pair) -> Array:
    """Returns a table of relative positions for windows of another size.

    A window [h, w] has (2h - 1) (2w - 1) offsets, row by row: [offsets, heads] -> [offsets', heads]. They are
    interpolated as in `resize_positions`; the offset zero stays in the middle.

    Source: Liu et al. 2021 (2103.14030), section 3.2.
    """
    return _resize(jnp.asarray(table), offsets(old), offsets(new))


def offsets(window: Pair) -> Pair:
    """Returns how many offsets there are between two positions of a window, per axis."""
    return 2 * window[0] - 1, 2 * window[1] - 1


def offset_of_pairs(window: Pair) -> np.ndarray:
    """Returns which offset the position i of a window has from j, as a row of such a table: [h w, h w]."""
    y, x = np.divmod(np.arange(window[0] * window[1]), window[1])
    down, right = (axis[:, None] - axis + size - 1 for axis, size in zip((y, x), window, strict=True))
    return down * offsets(window)[1] + right


def resize_square_table(table: np.ndarray, shape: Shape) -> np.ndarray | None:
    """Returns a table of relative positions in the shape that another square window asks for; None if one is not."""
    old, new = square(table.shape[0]), square(shape[0])
    if not old or not new:
        return None
    old, new = (old + 1) // 2, (new + 1) // 2
    return np.asarray(resize_relative_positions(table, (old, old), (new, new)))


def square(positions: int) -> int:
    """Returns the side of a square of so many positions; 0 where they make none."""
    side = math.isqrt(max(positions, 0))
    return side if side**2 == positions else 0


def _resize(table: Array, old: Pair, new: Pair) -> Array:
    """Returns [h w, c] as [h' w', c]."""
    if old == new:
        return table
    plane = table.reshape(*old, -1)
    return jax.image.resize(plane, (*new, plane.shape[-1]), "bicubic", antialias=True).reshape(-1, plane.shape[-1])
