"""Noise: of sensors, of photons, of broken pixels."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.tasks.restoration.degradations.base import (
    Degradation,
    draw,
    draw_on_host,
    interval,
    unit,
)
from deepvision.types import Array, Key


@dataclasses.dataclass(frozen=True)
class Gaussian(Degradation):
    """y = x + n, n ~ N(0, (sigma / 255)^2), independent in every value; not clipped. sigma / 255 is the last channel.

    Attributes:
        sigma: of pixels in 0 to 255; (low, high): uniform in between, one for each image, as blind denoisers are
            trained with.

    Source: Zhang et al. 2017, "Beyond a Gaussian denoiser" (1608.03981), section IV-A.
    """

    condition: ClassVar[str] = "noise"
    sigma: float | tuple[float, float] = 25.0

    def __post_init__(self) -> None:
        check_interval("gaussian", "sigma", self.sigma, 0, 1000)

    def __call__(self, image: Array, key: Key) -> Array:
        sigma = draw(jax.random.fold_in(key, 0), self.sigma) / 255
        noisy = image + sigma * jax.random.normal(jax.random.fold_in(key, 1), image.shape)
        return jnp.concatenate([noisy, jnp.broadcast_to(sigma, (*image.shape[:2], 1))], axis=-1)

    def on_host(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        sigma = draw_on_host(rng, self.sigma) / 255
        noisy = (unit(image) + rng.standard_normal(image.shape) * sigma).astype(np.float32)
        return np.concatenate([noisy, np.full((*image.shape[:2], 1), sigma, np.float32)], axis=-1)

    def given(self, image: np.ndarray, known: np.ndarray | None, told: bool) -> np.ndarray:
        low, high = interval(self.sigma)
        if told and low < high:
            raise UserError(
                "the network must be told the noise of its images:"
                " set restoration.eval_degradation to gaussian(sigma=...) with a single level"
            )
        return np.concatenate([image, np.full((*image.shape[:2], 1), high / 255, np.float32)], axis=-1)

    @property
    def level(self) -> str:
        return "-".join(f"{sigma:g}" for sigma in dict.fromkeys(interval(self.sigma)))


@dataclasses.dataclass(frozen=True)
class Poisson(Degradation):
    """y = k / peak, k ~ Poisson(peak x): counts of photons, `peak` of them where the image is white.

    Source: Salmon et al. 2014, "Poisson noise reduction with non-local PCA" (1206.0338), section 2.
    """

    peak: float | tuple[float, float] = 30.0

    def __post_init__(self) -> None:
        check_interval("poisson", "peak", self.peak, 0.01, 1e6)

    def __call__(self, image: Array, key: Key) -> Array:
        peak = draw(jax.random.fold_in(key, 0), self.peak)
        photons = jax.random.poisson(jax.random.fold_in(key, 1), peak * image)
        return photons.astype(image.dtype) / peak

    def on_host(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        peak = draw_on_host(rng, self.peak)
        return (rng.poisson(peak * (image / 255)) / peak).astype(np.float32)


@dataclasses.dataclass(frozen=True)
class SaltAndPepper(Degradation):
    """y = 0 with probability share / 2, 1 with as much, else x; all channels of a pixel alike.

    Source: Gonzalez & Woods 2008, "Digital image processing", section 5.2.2.
    """

    share: float | tuple[float, float] = 0.1

    def __post_init__(self) -> None:
        check_interval("salt_and_pepper", "share", self.share, 0, 1)

    def __call__(self, image: Array, key: Key) -> Array:
        share = draw(jax.random.fold_in(key, 0), self.share)
        at = jax.random.uniform(jax.random.fold_in(key, 1), (*image.shape[:2], 1))
        return jnp.where(at < share / 2, 0.0, jnp.where(at < share, 1.0, image))


def check_interval(where: str, argument: str, value: float | tuple[float, float], least: float, most: float) -> None:
    """Raises a UserError unless `value` is a number in [least, most] or a pair of such, the smaller first."""
    pair = interval(value)
    numbers = len(pair) == 2 and all(isinstance(v, int | float) and not isinstance(v, bool) for v in pair)
    if not numbers or not least <= pair[0] <= pair[1] <= most:
        raise UserError(
            f"degradation {where}: {argument} must be a number in [{least:g}, {most:g}] or (low, high), got {value!r}"
        )
