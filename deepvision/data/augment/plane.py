"""What an augmentation is told of the plane that it changes, beside its values and its key."""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.data.normalize import Normalization
from deepvision.types import IGNORE

PICTURES = ("image", "input")  # planes that show something


class Plane(NamedTuple):
    """A plane of an example.

    Attributes:
        fill: float32 [c], or a number: what comes in from outside. Of a picture, what is 0 once it is normalized.
        deviation: float32 [c]; what is 1 once it is normalized, less `fill`.
        picture: whether the values are levels of light, 0 to 255; else they are classes or weights of pixels.
        mirrored: whether this is the example's turn to be mirrored; bool.
    """

    fill: jax.Array | np.ndarray | float
    deviation: jax.Array | np.ndarray | float
    picture: bool
    mirrored: jax.Array | bool


def plane_of(name: str, dtype: jnp.dtype, normalize: Normalization, mirrored: jax.Array | bool) -> Plane:
    """Returns the description of the plane that has this name in an example."""
    if name in PICTURES:
        return Plane(normalize.offset, normalize.deviation, True, mirrored)
    return Plane(IGNORE if jnp.issubdtype(dtype, jnp.integer) else 0.0, 0.0, False, mirrored)


def whole_levels(values: jax.Array, plane: Plane) -> jax.Array:
    """Returns values between pixels as an image of 8 bits holds them, to the nearest; weights as they are."""
    return jnp.floor(values + 0.5) if plane.picture else values
