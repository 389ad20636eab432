"""Outputs for images of every size: networks without padding label them in tiles, whose outputs meet without a seam.

Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation" (1505.04597): section 2,
figure 2.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.models.network import Network, Tiling
from deepvision.types import Array, Images, Key


class _Tiles(NamedTuple):
    """Tiles along an axis: how many, from one to the next, and their inputs and outputs, in pixels."""

    count: int
    stride: int
    inputs: int
    outputs: int


def apply_whole(model: Network, variables: Any, x: Images, key: Key) -> Array:
    """Returns what a network says of whole images [n, h, w, c] in evaluation; mirrored beyond their borders if need be.

    For a network without padding they are cut into tiles of at most its own image size. Tiles start where the poolings
    of a network that sees the whole image start, so that the outputs are the same, unless a layer measures the plane,
    as group normalization does.

    Args:
        model: with its variables.
        x: of any size.
        key: of noise that goes on in evaluation, the same for every tile.
    """
    noise = {"dropout": key}
    sides = x.shape[1:3]
    if model.tiling is None:
        x = ops.pad_to_multiple(x, model.multiple, mode="symmetric")
        outputs = model.apply(variables, x, train=False, rngs=noise)
        return outputs if x.shape[1:3] == sides else outputs[:, : sides[0], : sides[1]]
    tiles = [_tiles(side, limit, model.tiling) for side, limit in zip(sides, model.image_shape, strict=False)]
    margins = (_margins(side, axis, model.tiling.lost) for side, axis in zip(sides, tiles, strict=True))
    x = jnp.pad(x, [(0, 0), *margins, (0, 0)], mode="symmetric")
    outputs = lax.map(lambda tile: model.apply(variables, tile, train=False, rngs=noise), _cut(x, *tiles))
    return _joined(outputs, *tiles)[:, : sides[0], : sides[1]]


def _tiles(side: int, limit: int, tiling: Tiling) -> _Tiles:
    """Returns as few tiles for a side as `limit` allows, and these as small as possible."""
    extra = (tiling.smallest - 2 * tiling.lost) % tiling.step  # outputs beyond a multiple of the step
    least = max(tiling.smallest - 2 * tiling.lost - extra, tiling.step)
    most = max((limit - 2 * tiling.lost) // tiling.step * tiling.step, least)
    count = max(math.ceil((side - extra) / most), 1)
    stride = max(math.ceil((side - extra) / (count * tiling.step)) * tiling.step, least)
    return _Tiles(count, stride, stride + extra + 2 * tiling.lost, stride + extra)


def _margins(side: int, tiles: _Tiles, lost: int) -> tuple[int, int]:
    """Returns how much is added in front of a side and behind it."""
    return lost, (tiles.count - 1) * tiles.stride + tiles.inputs - side - lost


def _cut(x: Images, rows: _Tiles, columns: _Tiles) -> Array:
    """Returns the tiles [rows columns, n, h, w, c]."""
    corners = [(i * rows.stride, j * columns.stride) for i in range(rows.count) for j in range(columns.count)]
    return jnp.stack([x[:, top : top + rows.inputs, left : left + columns.inputs] for top, left in corners])


def _joined(outputs: Array, rows: _Tiles, columns: _Tiles) -> Array:
    """Returns outputs [n, h, w, k] from those of tiles; where two have some, those of the one further on."""
    outputs = outputs.reshape(rows.count, columns.count, *outputs.shape[1:])
    strips = [_row([strip[j] for j in range(columns.count)], columns.stride, axis=2) for strip in outputs]
    return _row(strips, rows.stride, axis=1)


def _row(pieces: list[Array], stride: int, axis: int) -> Array:
    *others, last = pieces
    return jnp.concatenate([*(lax.slice_in_dim(piece, 0, stride, axis=axis) for piece in others), last], axis=axis)
