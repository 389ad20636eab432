"""What a degradation is: from an image to what a camera, a file or a vandal leaves of it."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.types import Array, Key, Shape


class Degradation:
    """A function of one image; an entry of `DEGRADATIONS` derives from it.

    On the device, in the compiled step: `(image, key) -> degraded`, image float [h, w, c] in [0, 1], the key the
    example's own. On the host, for evaluation: `on_host`, which may follow a published protocol to the letter.

    Attributes:
        condition: what a last channel of y says of each pixel: "noise", its standard deviation, "mask", whether it is
            known (1) or not (0); "": there is none.
        paired: whether it is that of the data, whose images come in pairs.
        scale: of super-resolution; images are cropped to a multiple of it, and measures leave out as many pixels at
            each side. 1 for all others, which measures take as a whole.
    """

    condition: ClassVar[str] = ""
    paired: ClassVar[bool] = False
    scale: int = 1

    def __call__(self, image: Array, key: Key) -> Array:
        raise NotImplementedError

    def on_host(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Returns float32 [h, w, c], the degraded form of a uint8 image [h, w, c]."""
        key = jax.random.key(rng.integers(2**32, dtype=np.uint32))
        return np.asarray(self(jnp.asarray(image, jnp.float32) / 255, key))

    def given(self, image: np.ndarray, known: np.ndarray | None, told: bool) -> np.ndarray:
        """Returns what `on_host` would, but the randomness, of an image [h, w, c] in [0, 1] that is degraded already.

        Args:
            image: as the camera, the file or the vandal left it.
            known: bool [h, w, 1], which pixels are not missing; None: nobody says.
            told: whether the network is told the condition.

        Raises:
            UserError: it is, and nobody says what it is.
        """
        return image

    def shape(self, image_shape: Shape) -> Shape:
        """Returns the shape [h, w, c] of what is left of an image of a shape [h, w, c]."""
        return (*image_shape[:2], image_shape[2] + bool(self.condition))

    def enlarging(self) -> Degradation:
        """Returns the same, but that what is left has the size of the image."""
        return self

    @property
    def level(self) -> str:
        """What tells this degradation from others of its kind; the noise of evaluation is seeded with it."""
        return str(self)


@dataclasses.dataclass(frozen=True)
class Given(Degradation):
    """y as it was stored beside x: what a camera, a scanner or a codec has really done."""

    paired: ClassVar[bool] = True


def unit(image: np.ndarray) -> np.ndarray:
    """Returns a uint8 image in [0, 1]."""
    return (image / 255).astype(np.float32)


def draw(key: Key, value: float | tuple[float, float]) -> Array:
    """Returns a number: as given, or drawn uniformly from (low, high)."""
    low, high = interval(value)
    return jax.random.uniform(key, minval=low, maxval=high) if low < high else jnp.asarray(low, jnp.float32)


def draw_on_host(rng: np.random.Generator, value: float | tuple[float, float]) -> float:
    """Returns a number: as given, which draws nothing, or drawn uniformly from (low, high)."""
    low, high = interval(value)
    return float(rng.uniform(low, high)) if low < high else low


def interval(value: float | tuple[float, float]) -> tuple[float, float]:
    """Returns (low, high) of a number or a pair of them."""
    return tuple(value) if isinstance(value, tuple) else (value, value)
