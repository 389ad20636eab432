"""Holes to be filled in: boxes, strokes, text. What is lost is the same in all channels."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from deepvision import ops
from deepvision.checks import check_count, check_number
from deepvision.errors import UserError
from deepvision.tasks.restoration.degradations.base import Degradation
from deepvision.tasks.restoration.degradations.noise import check_interval
from deepvision.types import Array, Key


class _Holes(Degradation):
    """y = m x, m = 0 in the holes, else 1; m is the last channel."""

    condition: ClassVar[str] = "mask"

    def holes(self, key: Key, height: int, width: int) -> Array:
        """Returns bool [h, w]."""
        raise NotImplementedError

    def __call__(self, image: Array, key: Key) -> Array:
        known = ~self.holes(key, *image.shape[:2])[..., None]
        return jnp.concatenate([jnp.where(known, image, 0), known.astype(image.dtype)], axis=-1)

    def given(self, image: np.ndarray, known: np.ndarray | None, told: bool) -> np.ndarray:
        if told and known is None:
            raise UserError("it has no alpha channel, whose transparent pixels are those to be filled in")
        known = np.ones((*image.shape[:2], 1), bool) if known is None else known
        return np.concatenate([np.where(known, image, 0), known], axis=-1)


@dataclasses.dataclass(frozen=True)
class Boxes(_Holes):
    """Rectangles with sides drawn uniformly from `sides`, shares of the image's, at places drawn uniformly inside.

    Source: Pathak et al. 2016, "Context encoders" (1604.07379), section 3.3, random blocks.
    """

    count: int = 4
    sides: tuple[float, float] = (0.1, 0.35)

    def __post_init__(self) -> None:
        check_count("degradation boxes", "count", self.count)
        check_interval("boxes", "sides", self.sides, 0, 1)

    def holes(self, key: Key, height: int, width: int) -> Array:
        size_key, place_key = jax.random.split(key)
        extent = jnp.asarray([height, width])
        sides = jax.random.uniform(size_key, (self.count, 2), minval=self.sides[0], maxval=self.sides[-1]) * extent
        start = jax.random.uniform(place_key, (self.count, 2)) * (extent - sides)
        rows, columns = jnp.arange(height) + 0.5, jnp.arange(width) + 0.5
        inside_rows = (rows > start[:, :1]) & (rows < (start + sides)[:, :1])
        inside_columns = (columns > start[:, 1:]) & (columns < (start + sides)[:, 1:])
        return jnp.any(inside_rows[:, :, None] & inside_columns[:, None, :], axis=0)


@dataclasses.dataclass(frozen=True)
class Strokes(_Holes):
    """Lines of a brush that turns at random: `count` of them, of `turns` segments each.

    A stroke starts anywhere. Each segment has a length uniform in [0, `length`], a share of the mean side, and a
    direction that differs from the last one's by an angle uniform in [-2 pi / 5, 2 pi / 5]; the brush's diameter is
    uniform in `thickness`, shares of the mean side.

    Source: Yu et al. 2018, "Free-form image inpainting with gated convolution" (1806.03589), algorithm 1.
    """

    count: int = 4
    turns: int = 6
    length: float = 0.25
    thickness: tuple[float, float] = (0.03, 0.08)

    def __post_init__(self) -> None:
        check_count("degradation strokes", "count", self.count)
        check_count("degradation strokes", "turns", self.turns)
        check_number("degradation strokes", "length", self.length, 0)
        check_interval("strokes", "thickness", self.thickness, 0, 1)

    def holes(self, key: Key, height: int, width: int) -> Array:
        pixels = jnp.stack(jnp.meshgrid(jnp.arange(height), jnp.arange(width), indexing="ij"), axis=-1)
        mean_side = (height + width) / 2

        def stroke(key: Key) -> Array:
            start_key, turn_key, length_key, thickness_key = jax.random.split(key, 4)
            start = jax.random.uniform(start_key, (2,)) * jnp.asarray([height, width])
            turns = jax.random.uniform(turn_key, (self.turns,), minval=-1.0) * (2 * jnp.pi / 5)
            angles = jnp.cumsum(turns.at[0].multiply(2.5))  # the first direction is any
            steps = jax.random.uniform(length_key, (self.turns, 1)) * self.length * mean_side
            corners = start + jnp.cumsum(steps * jnp.stack([jnp.sin(angles), jnp.cos(angles)], axis=-1), axis=0)
            corners = jnp.concatenate([start[None], corners])
            distance = jax.vmap(ops.distance_to_segment, in_axes=(None, 0, 0))(pixels, corners[:-1], corners[1:])
            low, high = self.thickness
            return (
                jnp.min(distance, axis=0) < jax.random.uniform(thickness_key, minval=low, maxval=high) * mean_side / 2
            )

        return jnp.any(jax.vmap(stroke)(jax.random.split(key, self.count)), axis=0)


@dataclasses.dataclass(frozen=True)
class Text(_Holes):
    """Lines of random capitals, one pixel of a 5x7 font being `size` pixels, over the whole image.

    A fifth of the places are spaces; the grid starts anywhere.

    Source: Bertalmio et al. 2000, "Image inpainting", figure 8, for the task.
    """

    size: int = 2

    def __post_init__(self) -> None:
        check_count("degradation text", "size", self.size)

    def holes(self, key: Key, height: int, width: int) -> Array:
        offset_key, letter_key, space_key = jax.random.split(key, 3)
        cell = np.asarray([_LINE, _ADVANCE])
        offset = jax.random.randint(offset_key, (2,), 0, cell * self.size)
        rows = (jnp.arange(height) + offset[0]) // self.size
        columns = (jnp.arange(width) + offset[1]) // self.size
        lines, places = height // (_LINE * self.size) + 2, width // (_ADVANCE * self.size) + 2
        glyphs = _glyphs()
        letters = jax.random.randint(letter_key, (lines, places), 0, len(glyphs) - 1)
        letters = jnp.where(jax.random.bernoulli(space_key, 0.2, letters.shape), len(glyphs) - 1, letters)
        rows, columns = rows[:, None], columns[None]
        return jnp.asarray(glyphs)[letters[rows // _LINE, columns // _ADVANCE], rows % _LINE, columns % _ADVANCE]


# Five columns per letter, A to Z, in hexadecimal; the lowest bit is the top row. The common font of dot matrices.
_FONT = """
    7E1111117E 7F49494936 3E41414122 7F4141221C 7F49494941 7F09090901 3E4149497A 7F0808087F 00417F4100 2040413F01
    7F08142241 7F40404040 7F020C027F 7F0408107F 3E4141413E 7F09090906 3E4151215E 7F09192946 4649494931 01017F0101
    3F4040403F 1F2040201F 3F4038403F 6314081463 0708700807 6151494543
"""
_LINE, _ADVANCE = 10, 6  # rows from line to line and columns from letter to letter: 7 and 5, and gaps


def _glyphs() -> np.ndarray:
    """Returns bool [letters and the space, _LINE, _ADVANCE]."""
    letters = _FONT.split()
    glyphs = np.zeros((len(letters) + 1, _LINE, _ADVANCE), bool)
    for letter, columns in enumerate(letters):
        bits = np.frombuffer(bytes.fromhex(columns), np.uint8)[None] >> np.arange(7)[:, None] & 1
        glyphs[letter, :7, :5] = bits
    return glyphs
