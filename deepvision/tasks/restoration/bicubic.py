"""Bicubic resizing as MATLAB's `imresize` does it, which the test sets of super-resolution are made with.

Output i stands at u = (i + 1/2) / s - 1/2 among the inputs, s = outputs / inputs, and is

    sum_j w_j x_j / sum_j w_j,    w_j = k(u - j),    or, to make an image smaller, w_j = k(s (u - j)),

with the kernel k of Keys 1981 (a = -1/2); beyond the borders lies the last pixel, as in the published test sets. Rows
come first. Pixels of 8 bits are rounded after each axis.

Source: Keys 1981, "Cubic convolution interpolation for digital image processing", equation 15; the kernel is widened
    against aliasing as documented for `imresize`.
"""

from __future__ import annotations

import functools
import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.types import Array


def imresize(image: np.ndarray, scale: float, size: tuple[int, int] | None = None) -> np.ndarray:
    """Returns an image [h, w, c] enlarged `scale` times, on the host.

    Args:
        image: uint8, which gives uint8, rounded after each axis; or float, which gives float64.
        scale: below 1 makes it smaller.
        size: (height, width) of the result; None: `scale` times the image's, rounded up.
    """
    height, width = size or output_size(image.shape, scale)
    for axis, length in ((0, height), (1, width)):
        places, weights = _taps(image.shape[axis], length, scale)
        moved = np.moveaxis(image, axis, -1).astype(np.float64)
        result = np.zeros((*moved.shape[:-1], length))
        for tap in range(places.shape[1]):
            result += moved[..., places[:, tap]] * weights[:, tap]
        result = np.moveaxis(result, -1, axis)
        image = np.clip(np.floor(result + 0.5), 0, 255).astype(np.uint8) if image.dtype == np.uint8 else result
    return image


def resize(x: Array, scale: float, size: tuple[int, int] | None = None) -> Array:
    """Returns an image [h, w, c] as `imresize` does of floats; traced, two products with matrices."""
    height, width = size or output_size(x.shape, scale)
    for axis, length in ((0, height), (1, width)):
        matrix = jnp.asarray(_matrix(x.shape[axis], length, scale), x.dtype)
        x = jnp.moveaxis(jnp.tensordot(x, matrix, (axis, 0), precision=lax.Precision.HIGHEST), -1, axis)
    return x


def output_size(shape: tuple[int, ...], scale: float) -> tuple[int, int]:
    """Returns the height and the width that an image of a shape [h, w, ...] gets."""
    return math.ceil(shape[0] * scale), math.ceil(shape[1] * scale)


def _matrix(length: int, outputs: int, scale: float) -> np.ndarray:
    """Returns the matrix [inputs, outputs] that resizes an axis."""
    places, weights = _taps(length, outputs, scale)
    matrix = np.zeros((length, outputs))
    np.add.at(matrix, (places, np.arange(outputs)[:, None]), weights)
    return matrix


@functools.lru_cache(maxsize=256)
def _taps(length: int, outputs: int, scale: float) -> tuple[np.ndarray, np.ndarray]:
    """Returns which inputs each output is a sum of, and their weights, [outputs, taps] each."""
    shrink = min(scale, 1.0)
    reach = 4 / shrink
    at = (np.arange(1, outputs + 1) / scale) + 0.5 * (1 - 1 / scale)  # counted from 1, as in MATLAB: the same rounding
    places = np.floor(at - reach / 2)[:, None] + np.arange(math.ceil(reach) + 2)
    weights = shrink * _kernel(shrink * (at[:, None] - places))
    weights /= weights.sum(axis=1, keepdims=True)
    return np.clip(places.astype(int) - 1, 0, length - 1), weights


def _kernel(z: np.ndarray) -> np.ndarray:
    z = np.abs(z)
    near = 1.5 * z**3 - 2.5 * z**2 + 1
    far = -0.5 * z**3 + 2.5 * z**2 - 4 * z + 2
    return np.where(z <= 1, near, np.where(z <= 2, far, 0.0))
