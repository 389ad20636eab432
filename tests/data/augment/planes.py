"""Images to augment, and how an augmentation is called on them by itself."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
from PIL import Image

from deepvision.choices import resolve
from deepvision.data.augment import AUGMENTATIONS, augmented
from deepvision.data.augment.plane import Plane
from deepvision.data.normalize import Normalization

UNIT = Normalization((0.0,), (1.0,))  # with which 0 is what comes in
PICTURE = Plane(fill=np.float32([10, 20, 30]), deviation=np.float32([50]), picture=True, mirrored=False)


def draw(
    choice: str, planes: dict[str, np.ndarray], draws: int, normalize=UNIT, mirrored=False
) -> dict[str, np.ndarray]:
    """Returns the planes, [draws, h, w, c] each, augmented with many keys."""
    choices = (resolve(AUGMENTATIONS, choice, "augmentation"),)
    planes = {name: jnp.asarray(plane) for name, plane in planes.items()}
    keys = jax.random.split(jax.random.key(0), draws)
    one = jax.jit(jax.vmap(lambda key: augmented(planes, choices, key, normalize, mirrored)))
    return {name: np.asarray(plane) for name, plane in one(keys).items()}


def photo(height: int, width: int, channels: int = 3) -> np.ndarray:
    """Returns a smooth image uint8 [h, w, c] with an edge, of many levels but not of all."""
    rng = np.random.default_rng(height)
    y, x = np.mgrid[:height, :width]
    waves = [np.sin(x / 5 + a) * np.cos(y / 7 + b) for a, b in rng.uniform(0, 6, (channels, 2))]
    image = 120 + 70 * np.stack(waves, axis=-1) + 25 * (x > y)[..., np.newaxis] + rng.normal(0, 3, (height, width, 1))
    return np.clip(image, 12, 240).astype(np.uint8)


def to_pillow(image: np.ndarray) -> Image.Image:
    return Image.fromarray(image[..., 0] if image.shape[-1] == 1 else image)


def from_pillow(image: Image.Image) -> np.ndarray:
    array = np.asarray(image)
    return array if array.ndim == 3 else array[..., np.newaxis]


def assert_close(found: np.ndarray, expected: np.ndarray, levels: int = 1, exceptions: float = 0.0) -> None:
    """Asserts that levels are whole and differ by so much at most, but for a share of the values."""
    found = np.asarray(found)
    assert found.dtype == np.float32 and found.shape == expected.shape and (found == np.rint(found)).all()
    difference = np.abs(found - expected.astype(np.float32))
    assert (difference > levels).mean() <= exceptions
