"""Augmentations of one training image, on the device.

Each is a function (image, key, arguments) -> image of the same shape: image float [h, w, c], normalized, so that the 0
that `pad_crop` and `cutout` fill with is the mean of its channel where `config.data.normalize` is "dataset". The key is
the example's own; pipelines map the functions over a batch.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepvision.errors import UserError

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
        UserError: `padding` is negative, or not smaller than the image with "reflect"; an unknown mode.
    """
    height, width, channels = image.shape
    if not _is_whole(padding) or padding < 0:
        raise UserError(f"augmentation pad_crop: padding must be an integer >= 0, got {padding!r}")
    if mode not in PAD_MODES:
        raise UserError(f"augmentation pad_crop: mode must be one of {', '.join(PAD_MODES)}, got {mode!r}")
    if mode == "reflect" and padding >= min(height, width):
        raise UserError(f"augmentation pad_crop: cannot reflect {padding} pixels of an image of {height}x{width}")
    padded = jnp.pad(image, ((padding, padding), (padding, padding), (0, 0)), mode=mode)
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


AUGMENTATIONS = {"flip": flip, "pad_crop": pad_crop, "cutout": cutout}
for _augmentation in AUGMENTATIONS.values():
    _augmentation.site_arguments = ("image", "key")  # what the pipeline gives; the rest is the user's


def _is_whole(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)
