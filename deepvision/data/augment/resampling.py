"""Pixels from between pixels. The centre of the first is at 0.5."""

from __future__ import annotations

import jax.numpy as jnp

from deepvision.data.augment.draws import Box
from deepvision.data.augment.plane import Plane, whole_levels
from deepvision.types import Array

INTERPOLATIONS = ("bilinear", "nearest")


def enlarged(image: Array, box: Box, plane: Plane) -> Array:
    """Returns a box of an image enlarged to the size of the image, [h, w, c].

    It is Pillow's Image.crop and Image.resize: bilinear of what lies inside of the box, along rows and then along
    columns, each rounded to whole levels. Classes are taken from the nearest pixel.
    """
    image = _enlarged(image, box.left, box.columns, 1, plane)
    return _enlarged(image, box.top, box.rows, 0, plane)


def _enlarged(image: Array, start: Array | int, length: Array | int, axis: int, plane: Plane) -> Array:
    """Returns the pixels `start` to `start` + `length` - 1 along an axis, enlarged to all of it."""
    count = image.shape[axis]
    place = (jnp.arange(count) + 0.5) * (length / count)
    if jnp.issubdtype(image.dtype, jnp.integer):
        return jnp.take(image, start + jnp.minimum(jnp.floor(place).astype(jnp.int32), length - 1), axis, mode="clip")
    below = jnp.floor(place - 0.5)
    share = jnp.expand_dims(place - 0.5 - below, (1, 2) if axis == 0 else (0, 2))
    low, high = (start + jnp.clip(below.astype(jnp.int32) + more, 0, length - 1) for more in (0, 1))
    first, second = (jnp.take(image, index, axis, mode="clip") for index in (low, high))
    return whole_levels(first + share * (second - first), plane)


def affine(image: Array, matrix: Array, plane: Plane, interpolation: str) -> Array:
    """Returns the image [h, w, c] whose pixel at (x, y) is that of the given one at (a x + b y + c, d x + e y + f).

    It is Pillow's Image.transform with Transform.AFFINE, whose bilinear values are cut to whole levels. What lies
    outside of the image is `plane.fill`. Of classes the nearest pixel is taken.

    One gather: of 4 pixels for each if it is bilinear, else of one.

    Args:
        image: [h, w, c].
        matrix: float32 [6], (a, b, c, d, e, f).
        plane: of the image.
        interpolation: one of `INTERPOLATIONS`.
    """
    height, width, channels = image.shape
    x, y = jnp.arange(width) + 0.5, jnp.arange(height)[:, jnp.newaxis] + 0.5
    column, row = matrix[0] * x + matrix[1] * y + matrix[2], matrix[3] * x + matrix[4] * y + matrix[5]
    inside = (column >= 0) & (column < width) & (row >= 0) & (row < height)
    pixels = image.reshape(height * width, channels)

    def at(row: Array, column: Array) -> Array:
        row, column = (jnp.clip(place.astype(jnp.int32), 0, n - 1) for place, n in ((row, height), (column, width)))
        return jnp.take(pixels, row * width + column, axis=0, mode="clip")

    if interpolation == "nearest" or jnp.issubdtype(image.dtype, jnp.integer):
        values = at(jnp.floor(row), jnp.floor(column))
    else:
        row, column = row - 0.5, column - 0.5
        top, left = jnp.floor(row), jnp.floor(column)
        down, right = (row - top)[..., jnp.newaxis], (column - left)[..., jnp.newaxis]
        upper = _between(at(top, left), at(top, left + 1), right)
        lower = _between(at(top + 1, left), at(top + 1, left + 1), right)
        values = _between(upper, lower, down)
        values = jnp.floor(values) if plane.picture else values
    return jnp.where(inside[..., jnp.newaxis], values, jnp.asarray(plane.fill, image.dtype))


def _between(first: Array, second: Array, share: Array) -> Array:
    return first + share * (second - first)
