"""Policies: a few operations for each image, drawn from those of operations.py.

An operation is drawn with its strength and its sign; all of one draw are applied one after another. Every policy fills
what comes in from outside with what is 0 once normalized, rounded to whole levels.
"""

from __future__ import annotations

from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.checks import check_count, check_number, check_one_of
from deepvision.data.augment.draws import one_of
from deepvision.data.augment.operations import OPERATIONS, Operation, Space, operated, operation
from deepvision.data.augment.plane import Plane
from deepvision.data.augment.resampling import INTERPOLATIONS
from deepvision.data.augment.sub_policies import SUB_POLICIES
from deepvision.types import Array

NARROW = Space(shear=0.3, translate=None, rotate=30.0, factor=0.9, bits=4)
WIDE = Space(shear=0.99, translate=32.0, rotate=135.0, factor=0.99, bits=6)
_CHOSEN = np.array([OPERATIONS.index(name) for name in OPERATIONS if name != "invert"])  # the 14 of the first two
_STRONGEST = 30  # of the magnitudes of the first two
_STRONGEST_LEARNED = 9  # of the magnitudes of the third


class Draws(NamedTuple):
    """The operations of one example, k of them, in order: each an array [k].

    Attributes:
        number: places in `OPERATIONS`.
        strength: 0 to 1.
        sign: 1 or -1.
    """

    number: Array
    strength: Array
    sign: Array


def randaugment(
    image: jax.Array,
    key: jax.Array,
    plane: Plane,
    num_ops: int = 2,
    magnitude: float = 9,
    magnitude_std: float = 0.0,
    interpolation: str = "bilinear",
) -> jax.Array:
    """Applies `num_ops` of 14 operations, each drawn uniformly, at one magnitude.

    Args:
        image, key, plane: of the example.
        num_ops: N of the paper.
        magnitude: M of the paper, 0 to 30; 30 is 30 degrees, and a factor of 1.9 or 0.1.
        magnitude_std: of a normal number added to it, and cut to 0 to 30, for each operation; as in timm, whose
            magnitudes, 0 to 10, are a third of these.
        interpolation: "bilinear" or "nearest".

    Source: Cubuk et al. 2019 (1909.13719), section 3; operations and strengths as in torchvision's RandAugment.

    Raises:
        UserError: an argument is out of its range.
    """
    where = "augmentation randaugment"
    check_count(where, "num_ops", num_ops)
    check_number(where, "magnitude", magnitude, 0, _STRONGEST)
    check_number(where, "magnitude_std", magnitude_std, low=0)
    draws = jax.random.uniform(key, (2, num_ops))
    spread = magnitude_std * jax.random.normal(jax.random.fold_in(key, 1), (num_ops,)) if magnitude_std else 0.0
    strength = jnp.clip(magnitude + spread, 0, _STRONGEST) / _STRONGEST
    draws = Draws(_one_of_14(draws[0]), jnp.broadcast_to(strength, (num_ops,)), _sign(draws[1]))
    return applied(image, draws, NARROW, plane, _known(where, interpolation))


def trivialaugment(image: jax.Array, key: jax.Array, plane: Plane, interpolation: str = "bilinear") -> jax.Array:
    """Applies one of 14 operations, drawn uniformly, at one of 31 strengths, drawn uniformly.

    Source: Müller & Hutter 2021 (2103.10158), section 3, with its wide space; as in torchvision's TrivialAugmentWide.

    Raises:
        UserError: an unknown interpolation.
    """
    draws = jax.random.uniform(key, (3, 1))
    draws = Draws(_one_of_14(draws[0]), one_of(draws[1], _STRONGEST + 1) / _STRONGEST, _sign(draws[2]))
    return applied(image, draws, WIDE, plane, _known("augmentation trivialaugment", interpolation))


def autoaugment(
    image: jax.Array, key: jax.Array, plane: Plane, policy: str = "imagenet", interpolation: str = "bilinear"
) -> jax.Array:
    """Applies one of 25 pairs of operations, drawn uniformly, each operation with its own probability and magnitude.

    Args:
        image, key, plane: of the example.
        policy: "imagenet", "cifar10" or "svhn": what the pairs were learned on.
        interpolation: "bilinear" or "nearest".

    Source: Cubuk et al. 2018 (1805.09501), tables 7 to 9; as in torchvision's AutoAugment.

    Raises:
        UserError: an unknown policy or interpolation.
    """
    where = "augmentation autoaugment"
    check_one_of(where, "policy", policy, tuple(SUB_POLICIES))
    rows = SUB_POLICIES[policy]
    numbers = jnp.array([[OPERATIONS.index(step.name) for step in row] for row in rows])
    probabilities = jnp.array([[step.probability for step in row] for row in rows], jnp.float32)
    magnitudes = jnp.array([[step.magnitude for step in row] for row in rows], jnp.float32)
    draws = jax.random.uniform(key, (5,))
    row = one_of(draws[0], len(rows))
    number = jnp.where(draws[1:3] < probabilities[row], numbers[row], OPERATIONS.index("identity"))
    draws = Draws(number, magnitudes[row] / _STRONGEST_LEARNED, _sign(draws[3:]))
    return applied(image, draws, NARROW, plane, _known(where, interpolation))


def applied(image: Array, draws: Draws, space: Space, plane: Plane, interpolation: str) -> Array:
    """Returns the plane [h, w, c] after the drawn operations."""
    plane = plane._replace(fill=jnp.rint(plane.fill))
    for what in operations_of(draws, space, image.shape[:2]):
        image = operated(image, what, plane, interpolation)
    return image


def operations_of(draws: Draws, space: Space, size: tuple[int, int]) -> list[Operation]:
    """Returns the drawn operations on an image of a size (height, width)."""
    return [operation(*(values[k] for values in draws), space, size) for k in range(len(draws.number))]


def _one_of_14(draw: Array) -> Array:
    return jnp.asarray(_CHOSEN)[one_of(draw, len(_CHOSEN))]


def _sign(draw: Array) -> Array:
    return jnp.where(draw < 0.5, -1.0, 1.0)


def _known(where: str, interpolation: str) -> str:
    check_one_of(where, "interpolation", interpolation, INTERPOLATIONS)
    return interpolation
