"""What Pillow does to the levels of an image of 8 bits, as functions of float32 [h, w, c] of whole numbers 0 to 255.

Three kinds: blends of the image with a poorer one (ImageEnhance), tables that map each level to another (ImageOps), and
the turn of the hue. c is 1 or 3.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepvision.types import Array

_LUMA = (19595, 38470, 7471)  # of red, green and blue, of 65,536: ITU-R 601-2 as Pillow rounds it


def levels(image: Array) -> Array:
    """Returns the nearest whole numbers from 0 to 255."""
    return jnp.clip(jnp.rint(image), 0, 255)


def blend(poorer: Array, image: Array, factor: Array | float) -> Array:
    """Returns poorer + factor (image - poorer), cut to whole numbers from 0 to 255; Image.blend."""
    return jnp.clip(jnp.trunc(poorer + factor * (image - poorer)), 0, 255)


def gray(image: Array) -> Array:
    """Returns the luma of an image, [h, w, 1]; Image.convert("L")."""
    if image.shape[-1] == 1:
        return image
    parts = image.astype(jnp.int32) * jnp.array(_LUMA)
    return ((jnp.sum(parts, axis=-1, keepdims=True) + 0x8000) >> 16).astype(jnp.float32)


def mean_gray(image: Array) -> Array:
    """Returns the mean luma, a whole number: what ImageEnhance.Contrast blends with."""
    luma = gray(image).astype(jnp.int32)
    return ((jnp.sum(luma) + luma.size // 2) // luma.size).astype(jnp.float32)


def smooth(image: Array) -> Array:
    """Returns the mean of a pixel, 5 times, and its 8 neighbours; pixels at the border as they are.

    It is ImageFilter.SMOOTH, which ImageEnhance.Sharpness blends with.
    """
    height, width, _ = image.shape
    if min(height, width) < 3:
        return image
    rows = image[:-2] + image[1:-1] + image[2:]
    total = rows[:, :-2] + rows[:, 1:-1] + rows[:, 2:] + 4 * image[1:-1, 1:-1]
    return image.at[1:-1, 1:-1].set(jnp.floor(total / 13 + 0.5))


def looked_up(image: Array, table: Array) -> Array:
    """Returns the entries of a table [256, c] at the levels of an image."""
    index = image.astype(jnp.int32).reshape(-1, image.shape[-1])
    return jnp.take_along_axis(table, index, axis=0, mode="clip").reshape(image.shape)


def stretched(image: Array) -> Array:
    """Returns the table [256, c] that maps the least level of a channel to 0 and its greatest to 255.

    A channel of one level stays. ImageOps.autocontrast.
    """
    low, high = (extreme(image, axis=(0, 1)).astype(jnp.int32) for extreme in (jnp.min, jnp.max))
    every = jnp.arange(256)[:, jnp.newaxis]
    table = jnp.clip((every - low) * 255 // jnp.maximum(high - low, 1), 0, 255)
    return jnp.where(high > low, table, every).astype(jnp.float32)


def equalized(image: Array) -> Array:
    """Returns the table [256, c] that spreads the levels of each channel evenly; ImageOps.equalize."""
    count = histogram(image)
    every = jnp.arange(256)[:, jnp.newaxis]
    greatest = jnp.max(image, axis=(0, 1)).astype(jnp.int32)
    of_greatest = jnp.take_along_axis(count, greatest[jnp.newaxis], axis=0, mode="clip")
    step = (jnp.sum(count, axis=0) - of_greatest[0]) // 255
    below = jnp.cumsum(count, axis=0) - count
    table = jnp.clip((step // 2 + below) // jnp.maximum(step, 1), 0, 255)
    return jnp.where(step > 0, table, every).astype(jnp.float32)


def histogram(image: Array) -> Array:
    """Returns how many pixels have each level, int32 [256, c]."""
    index = image.astype(jnp.int32).reshape(-1, image.shape[-1])
    return counted_by_products(index) if jax.default_backend() == "tpu" else counted(index)


def counted(index: Array) -> Array:
    """Returns how often each of 256 numbers stands in each column of `index` [n, c], by additions in place."""
    columns = index.shape[-1]
    return jnp.zeros((256, columns), jnp.int32).at[index, jnp.arange(columns)].add(1)


def counted_by_products(index: Array) -> Array:
    """Returns the same by a product of two matrices, that tell the upper and the lower four bits of each number.

    TPUs make additions in place one after another, and products fast.
    """
    digits = jnp.arange(16)
    upper, lower = ((part[..., jnp.newaxis] == digits).astype(jnp.float32) for part in (index >> 4, index & 15))
    return jnp.einsum("pcu,pcl->ulc", upper, lower).reshape(256, -1).astype(jnp.int32)


def hue_turned(image: Array, turn: Array | float) -> Array:
    """Returns an image [h, w, 3] whose hue is turned by a share of the circle.

    By way of hue, saturation and value of 8 bits each, as in Pillow; the turn is cut to 1/255 as in torchvision's
    adjust_hue. So even a turn of 0 rounds.
    """
    hue, saturation, value = _to_hsv(image.astype(jnp.int32))
    return _from_hsv((hue + jnp.trunc(255 * turn).astype(jnp.int32)) % 256, saturation, value)


def _to_hsv(image: Array) -> tuple[Array, Array, Array]:
    """Returns hue, saturation and value, int32 [h, w] of 0 to 255."""
    red, green, blue = image[..., 0], image[..., 1], image[..., 2]
    high, low = jnp.max(image, axis=-1), jnp.min(image, axis=-1)
    span = jnp.maximum(high - low, 1)
    # Sixths of the circle, as numerators over `span`.
    sixths = jnp.where(
        red == high, green - blue, jnp.where(green == high, 2 * span + blue - red, 4 * span + red - green)
    )
    hue = 255 * (sixths % (6 * span)) // (6 * span)
    return jnp.where(high > low, hue, 0), 255 * (high - low) // jnp.maximum(high, 1), high


def _from_hsv(hue: Array, saturation: Array, value: Array) -> Array:
    sixths = hue * jnp.float32(6 / 255)
    sector = jnp.floor(sixths)
    part, share = sixths - sector, saturation / jnp.float32(255)
    value = value.astype(jnp.float32)
    low, falling, rising = (
        jnp.floor(value * (1 - factor) + 0.5) for factor in (share, share * part, share * (1 - part))
    )
    sector = sector.astype(jnp.int32) % 6
    by_sector = (  # of red, green and blue, what they are in the six parts of the circle
        (value, falling, low, low, rising, value),
        (rising, value, value, falling, low, low),
        (low, low, rising, value, value, falling),
    )
    return jnp.stack([jnp.choose(sector, list(channel), mode="clip") for channel in by_sector], axis=-1)
