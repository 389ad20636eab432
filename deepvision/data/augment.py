"""Augmentations of one training image, on the device.

Each is a function (image, key, arguments) -> image of the same shape: image float [h, w, c], normalized, so that the 0
that `pad_crop` and `cutout` fill with is the mean of its channel where `config.data.normalize` is "dataset". The key is
the example's own; pipelines map the functions over a batch.

Those in `MOVING` only move pixels. A mask is moved by the same key; its values, integers, are never mixed, and what it
is filled with is `IGNORE`.
"""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
from jax.scipy.ndimage import map_coordinates

from deepvision.choices import Choice
from deepvision.errors import UserError
from deepvision.types import IGNORE

PAD_MODES = ("constant", "reflect")


def flip(image: jax.Array, key: jax.Array, p: float = 0.5) -> jax.Array:
    """Mirrors the image left to right with probability `p`.

    Source: Krizhevsky et al. 2012, section 4.1.

    Raises:
        UserError: `p` is not in [0, 1].
    """
    if not isinstance(p, int | float) or not 0 <= p <= 1:
        raise UserError(f"augmentation flip: p must be a probability in [0, 1], got {p!r}")
    return jnp.where(jax.random.bernoulli(key, p), image[:, ::-1], image)


def pad_crop(image: jax.Array, key: jax.Array, padding: int = 4, mode: str = "constant") -> jax.Array:
    """Pads every side by `padding` pixels and crops the old size at a place drawn uniformly.

    `mode` is what the padding holds: "constant" 0, "reflect" the mirrored image without its edge.

    Source: He et al. 2016, section 4.2 (after Lee et al. 2015): padding 4, zeros after the mean was subtracted.

    Raises:
        UserError: `padding` is negative, or larger than the image, or with "reflect" as large; an unknown mode.
    """
    height, width, channels = image.shape
    if not _is_whole(padding) or not 0 <= padding <= min(height, width):
        most = min(height, width)
        raise UserError(f"augmentation pad_crop: padding must be an integer >= 0, at most {most} here, got {padding!r}")
    if mode not in PAD_MODES:
        raise UserError(f"augmentation pad_crop: mode must be one of {', '.join(PAD_MODES)}, got {mode!r}")
    if mode == "reflect" and padding >= min(height, width):
        raise UserError(f"augmentation pad_crop: cannot reflect {padding} pixels of an image of {height}x{width}")
    fill = {"constant_values": _fill(image)} if mode == "constant" else {}
    padded = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode=mode, **fill)
    top, left = jax.random.randint(key, (2,), 0, 2 * padding + 1)
    return jax.lax.dynamic_slice(padded, (top, left, 0), (height, width, channels))


def cutout(image: jax.Array, key: jax.Array, size: int = 8) -> jax.Array:
    """Sets a square of `size` x `size` pixels to 0.

    The centre is drawn uniformly over the pixels; what lies outside the image is lost. The square covers the rows
    centre - size // 2 to centre - size // 2 + size - 1, and the columns likewise.

    Source: DeVries & Taylor 2017, section 3.2 (size 16 for CIFAR-10, 8 for CIFAR-100).

    Raises:
        UserError: `size` is not in [1, the smaller side].
    """
    height, width, _ = image.shape
    if not _is_whole(size) or not 1 <= size <= min(height, width):
        largest = min(height, width)
        raise UserError(f"augmentation cutout: size must be an integer >= 1, at most {largest} here, got {size!r}")
    row, column = jax.random.randint(key, (2,), 0, jnp.array([height, width]))
    rows = jnp.arange(height) - (row - size // 2)
    columns = jnp.arange(width) - (column - size // 2)
    inside = ((rows >= 0) & (rows < size))[:, jnp.newaxis] & ((columns >= 0) & (columns < size))
    return jnp.where(inside[..., jnp.newaxis], 0.0, image)


def dihedral(image: jax.Array, key: jax.Array) -> jax.Array:
    """Takes one of the eight flips and rotations by quarters of a square, each as often.

    Source: Timofte et al. 2016, "Seven ways to improve example-based single image super resolution" (1511.02228),
        section 3.1.

    Raises:
        UserError: the image is no square.
    """
    height, width, _ = image.shape
    if height != width:
        raise UserError(f"augmentation dihedral turns squares, not {height}x{width}: set data.patch_size, or use flip")
    coins = jax.random.bernoulli(key, shape=(3,))
    image = jnp.where(coins[0], image[::-1], image)
    image = jnp.where(coins[1], image[:, ::-1], image)
    return jnp.where(coins[2], image.swapaxes(0, 1), image)


def elastic(image: jax.Array, key: jax.Array, strength: float = 10.0, grid: int = 3) -> jax.Array:
    """Moves pixels by a smooth random field: x(p + d(p)), between pixels by linear interpolation, mirrored outside.

    d is interpolated bicubically from `grid` x `grid` vectors that are normal with a deviation of `strength` pixels.

    Source: Ronneberger et al. 2015 (1505.04597), section 3.1.

    Raises:
        UserError: `strength` is negative, or `grid` no integer above 1.
    """
    if not isinstance(strength, int | float) or strength < 0:
        raise UserError(f"augmentation elastic: strength must be a number of pixels >= 0, got {strength!r}")
    if not _is_whole(grid) or grid < 2:
        raise UserError(f"augmentation elastic: grid must be an integer >= 2, got {grid!r}")
    height, width, channels = image.shape
    coarse = strength * jax.random.normal(key, (grid, grid, 2))
    field = jax.image.resize(coarse, (height, width, 2), "bicubic", antialias=False)
    rows = jnp.arange(height)[:, jnp.newaxis] + field[..., 0]
    columns = jnp.arange(width) + field[..., 1]
    order = 0 if jnp.issubdtype(image.dtype, jnp.integer) else 1
    planes = [map_coordinates(image[..., c], (rows, columns), order, mode="mirror") for c in range(channels)]
    return jnp.stack(planes, axis=-1)


AUGMENTATIONS = {"flip": flip, "pad_crop": pad_crop, "cutout": cutout, "dihedral": dihedral, "elastic": elastic}
MOVING = ("flip", "pad_crop", "dihedral", "elastic")
for _augmentation in AUGMENTATIONS.values():
    _augmentation.site_arguments = ("image", "key")  # what the pipeline gives; the rest is the user's


def augmented(example: dict[str, jax.Array], augmentations: Sequence[Choice], key: jax.Array) -> dict[str, jax.Array]:
    """Augments the planes [h, w, c] of one example, in the order of the augmentations."""
    for place, augmentation in enumerate(augmentations):
        moved = tuple(example) if augmentation.name in MOVING else ("image",)
        own = jax.random.fold_in(key, place)
        example = {**example, **{name: augmentation(image=example[name], key=own) for name in moved}}
    return example


def _fill(image: jax.Array) -> int | float:
    return IGNORE if jnp.issubdtype(image.dtype, jnp.integer) else 0.0


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
