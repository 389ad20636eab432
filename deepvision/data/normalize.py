"""From pixels to what a network sees: x = (pixel / 255 - mean) / std, per channel."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError, unknown

SAMPLE_PIXELS = 2**29  # "dataset" measures at most this many: all of CIFAR-10, 10,699 images of 224x224
_CHUNK = 1000  # images measured at once

# (mean, std) on the scale of [0, 1]; of one channel: for any number of them.
FIXED = {
    "imagenet": ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225)),  # as in torchvision and timm
    "unit": ((0.0,), (1.0,)),  # to [0, 1]
    "symmetric": ((0.5,), (0.5,)),  # to [-1, 1]
}


@dataclasses.dataclass(frozen=True)
class Normalization:
    """The mean and the standard deviation of each channel, on the scale of [0, 1]."""

    mean: tuple[float, ...]
    std: tuple[float, ...]

    @property
    def offset(self) -> np.ndarray:
        """The level of each channel, of 0 to 255, that is mapped to 0 exactly; float32 [c], or [1] for any."""
        return np.float32(255 * np.array(self.mean))

    @property
    def deviation(self) -> np.ndarray:
        """How many levels become 1; float32 [c], or [1] for any."""
        return np.float32(255 * np.array(self.std))

    def __call__(self, image: jax.Array) -> jax.Array:
        """Maps levels 0 to 255, [..., h, w, c], to float32 of the same shape."""
        scale = np.float32(1 / (255 * np.array(self.std)))
        # A difference, then a product: no compiler can fuse them into one rounding: the same bits everywhere.
        return (image.astype(jnp.float32) - self.offset) * scale


def normalization(name: str, images: Callable[[np.ndarray], np.ndarray], num_examples: int) -> Normalization:
    """Returns the normalization that `config.data.normalize` names.

    Args:
        name: "dataset" (measured) or one of `FIXED`.
        images: indices [n] -> uint8 [n, h, w, c], of the training split.
        num_examples: in the training split.

    Raises:
        UserError: an unknown name, or fixed figures of another number of channels.
    """
    if name == "dataset":
        return measure(images, num_examples)
    if name not in FIXED:
        raise unknown("data.normalize", name, ["dataset", *FIXED])
    mean, std = FIXED[name]
    channels = images(np.arange(1)).shape[-1]
    if len(mean) not in (1, channels):
        raise UserError(f"data.normalize {name!r} is for {len(mean)} channels, not {channels}: set data.channels")
    return Normalization(mean, std)


def measure(images: Callable[[np.ndarray], np.ndarray], num_examples: int) -> Normalization:
    """Measures mean and standard deviation of each channel over a split.

    They are exact: the sums are of integers. Of a split of more than `SAMPLE_PIXELS` pixels, evenly spaced images are
    measured. A channel that is constant gets the standard deviation 1.
    """
    height, width, channels = images(np.arange(1)).shape[1:]
    count = max(1, min(num_examples, SAMPLE_PIXELS // (height * width)))
    sample = np.arange(count) * num_examples // count
    total, squares, measured = np.zeros(channels, np.int64), np.zeros(channels, np.int64), 0
    for start in range(0, count, _CHUNK):
        pixels = images(sample[start : start + _CHUNK]).reshape(-1, channels)
        total += pixels.sum(axis=0, dtype=np.int64)
        squares += np.square(pixels, dtype=np.uint16).sum(axis=0, dtype=np.int64)
        measured += len(pixels)
    mean = total / measured
    std = np.sqrt(np.maximum(squares / measured - mean**2, 0))
    std = np.where(std > 0, std, 255)
    return Normalization(tuple((mean / 255).tolist()), tuple((std / 255).tolist()))
