"""The fifteen operations that policies choose from, in a form that costs the same whichever is chosen.

Under `vmap` a switch over operations would compute every one. Here those that move pixels share one gather, by a
matrix; those that map levels share one table of 256 entries for each channel, which alone is computed for all of them;
and `color` and `sharpness` share one blend. So one operation on an image costs, for each pixel, a gather of 4 pixels (1
if `nearest`), a look-up, a blend and a histogram.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from deepvision.data.augment import tones
from deepvision.data.augment.plane import Plane
from deepvision.data.augment.resampling import affine
from deepvision.ops import materialize
from deepvision.types import Array

_MOVES = ("shear_x", "shear_y", "translate_x", "translate_y", "rotate")
_BLENDS = ("color", "sharpness")
_TABLES = ("brightness", "contrast", "posterize", "solarize", "autocontrast", "equalize", "invert")
OPERATIONS = ("identity", *_MOVES, *_BLENDS, *_TABLES)


class Space(NamedTuple):
    """What each operation does at full strength.

    Attributes:
        shear: pixels to the side for each pixel down.
        translate: pixels; None: 150 / 331 of the side.
        rotate: degrees.
        factor: of brightness, color, contrast and sharpness, less 1.
        bits: that posterize takes away, of 8.
    """

    shear: float
    translate: float | None
    rotate: float
    factor: float
    bits: int


class Operation(NamedTuple):
    """One operation of an example.

    Attributes:
        number: its place in `OPERATIONS`.
        amount: pixels, pixels for each pixel, degrees, a factor, bits that are left, or a threshold.
    """

    number: Array
    amount: Array


def operation(number: Array, strength: Array, sign: Array, space: Space, size: tuple[int, int]) -> Operation:
    """Returns an operation at a strength in [0, 1].

    Args:
        number: its place in `OPERATIONS`.
        strength: 0 to 1 of what `space` says.
        sign: 1 or -1, of what has a direction.
        space: at full strength.
        size: (height, width) of the image.

    Source: torchvision's RandAugment, TrivialAugmentWide and AutoAugment, `_augmentation_space`.
    """
    height, width = (150 / 331 * side if space.translate is None else space.translate for side in size)
    amounts = {
        "shear_x": sign * space.shear * strength,
        "shear_y": sign * space.shear * strength,
        "translate_x": jnp.trunc(sign * width * strength),
        "translate_y": jnp.trunc(sign * height * strength),
        "rotate": sign * space.rotate * strength,
        "posterize": 8 - jnp.rint(space.bits * strength),
        "solarize": 255 * (1 - strength),
    }
    amounts |= dict.fromkeys(("brightness", "contrast", "color", "sharpness"), 1 + sign * space.factor * strength)
    every = jnp.stack([jnp.asarray(amounts.get(name, 0.0), jnp.float32) for name in OPERATIONS])
    return Operation(number, every[number])


def operated(image: Array, what: Operation, plane: Plane, interpolation: str) -> Array:
    """Returns what an operation makes of a plane [h, w, c]; of a mask or a weight, only pixels move.

    Each is Pillow's: Image.transform with Transform.AFFINE, Image.rotate, ImageEnhance, ImageOps.
    """
    image = materialize(affine(image, _matrix(what, *image.shape[:2]), plane, interpolation))
    if not plane.picture:
        return image
    pixels = tones.levels(image)
    changed = tones.looked_up(pixels, materialize(_table(pixels, what)))
    poorer = jnp.where(_is(what, "color"), tones.gray(pixels), tones.smooth(pixels))
    changed = jnp.where(_among(what, _BLENDS), tones.blend(poorer, pixels, what.amount), changed)
    return jnp.where(_among(what, _BLENDS + _TABLES), changed, image)


def _matrix(what: Operation, height: int, width: int) -> Array:
    """Returns (a, b, c, d, e, f) of `affine`; that of what moves nothing is the identity."""
    shear_x, shear_y, right, down, degrees = (jnp.where(_is(what, name), what.amount, 0.0) for name in _MOVES)
    cosine, sine = jnp.cos(degrees * (math.pi / 180)), jnp.sin(degrees * (math.pi / 180))
    x, y = width / 2, height / 2  # the centre of rotation
    turned = (x - cosine * x + sine * y, y - sine * x - cosine * y)
    return jnp.stack([cosine, shear_x - sine, turned[0] - right, shear_y + sine, cosine, turned[1] - down])


def _table(pixels: Array, what: Operation) -> Array:
    """Returns the table [256, c] of the operation; of one without any, that of brightness."""
    every = jnp.arange(256.0)[:, jnp.newaxis]
    step = jnp.left_shift(1, jnp.clip(8 - what.amount, 0, 8).astype(jnp.int32))
    tables = {
        "brightness": tones.blend(jnp.zeros(()), every, what.amount),
        "contrast": tones.blend(tones.mean_gray(pixels), every, what.amount),
        "posterize": jnp.floor(every / step) * step,
        # A thousandth less, since a threshold that is a whole number may come out above it.
        "solarize": jnp.where(every < what.amount - 1e-3, every, 255 - every),
        "autocontrast": tones.stretched(pixels),
        "equalize": tones.equalized(pixels),
        "invert": 255 - every,
    }
    shape = (256, pixels.shape[-1])
    place = np.array([_TABLES.index(name) if name in _TABLES else 0 for name in OPERATIONS])
    return jnp.stack([jnp.broadcast_to(tables[name], shape) for name in _TABLES])[jnp.asarray(place)[what.number]]


def _is(what: Operation, name: str) -> Array:
    return what.number == OPERATIONS.index(name)


def _among(what: Operation, names: tuple[str, ...]) -> Array:
    return jnp.asarray(np.isin(OPERATIONS, names))[what.number]
