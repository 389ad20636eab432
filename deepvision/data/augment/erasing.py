"""Augmentations that take a part of the image away."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from deepvision.checks import check_number, check_one_of
from deepvision.data.augment.draws import Box, check_range, draw_box
from deepvision.data.augment.plane import Plane
from deepvision.errors import UserError
from deepvision.types import Array

FILLS = ("mean", "uniform", "normal")


def cutout(image: jax.Array, key: jax.Array, plane: Plane, size: int = 8) -> jax.Array:
    """Sets a square of `size` x `size` pixels to what is 0 once normalized.

    The centre is drawn uniformly over the pixels; what lies outside the image is lost. The square covers the rows
    centre - size // 2 to centre - size // 2 + size - 1, and the columns likewise.

    Source: DeVries & Taylor 2017, section 3.2 (size 16 for CIFAR-10, 8 for CIFAR-100).

    Raises:
        UserError: `size` is not in [1, the smaller side].
    """
    height, width, _ = image.shape
    if not isinstance(size, int) or isinstance(size, bool) or not 1 <= size <= min(height, width):
        largest = min(height, width)
        raise UserError(f"augmentation cutout: size must be an integer >= 1, at most {largest} here, got {size!r}")
    row, column = jax.random.randint(key, (2,), 0, jnp.array([height, width]))
    box = Box(row - size // 2, column - size // 2, size, size)
    return jnp.where(_covered(box, height, width), jnp.float32(plane.fill), image)


def random_erasing(
    image: jax.Array,
    key: jax.Array,
    plane: Plane,
    p: float = 0.5,
    scale: tuple[float, float] = (0.02, 0.33),
    ratio: tuple[float, float] = (0.3, 3.3),
    fill: str = "mean",
) -> jax.Array:
    """Erases a box of a random area and shape with probability `p`; nothing if none of ten boxes fits.

    Args:
        image, key, plane: of the example.
        p: probability.
        scale: least and greatest area, as a share of the image.
        ratio: least and greatest height / width.
        fill: of the box: "mean" 0 once normalized, "uniform" levels of 0 to 255 for each pixel and channel (the
            paper's), or "normal" numbers once normalized, beyond 0 to 255 too (timm's `pixel`).

    Source: Zhong et al. 2017 (1708.04896), algorithm 1; the draws as in torchvision's RandomErasing.

    Raises:
        UserError: `p` is not in [0, 1], `scale` not within (0, 1], `ratio` not positive; an unknown fill.
    """
    where = "augmentation random_erasing"
    check_number(where, "p, a probability,", p, 0, 1)
    check_range(where, "scale", scale, 0, 1)
    check_range(where, "ratio", ratio, 0, math.inf)
    check_one_of(where, "fill", fill, FILLS)
    height, width, _ = image.shape
    keys = jax.random.split(key, 3)
    box, found = draw_box(keys[0], (height, width), (height - 1, width - 1), scale, (1 / ratio[1], 1 / ratio[0]))
    erased = found & jax.random.bernoulli(keys[1], float(p))
    new = jnp.float32(plane.fill)
    if fill == "uniform":
        new = jax.random.randint(keys[2], image.shape, 0, 256).astype(jnp.float32)
    elif fill == "normal":
        new = new + plane.deviation * jax.random.normal(keys[2], image.shape)
    return jnp.where(erased & _covered(box, height, width), new, image)


def _covered(box: Box, height: int, width: int) -> Array:
    """Returns whether the box covers a pixel, bool [h, w, 1]."""
    rows, columns = jnp.arange(height) - box.top, jnp.arange(width) - box.left
    inside = ((rows >= 0) & (rows < box.rows))[:, jnp.newaxis] & ((columns >= 0) & (columns < box.columns))
    return inside[..., jnp.newaxis]
