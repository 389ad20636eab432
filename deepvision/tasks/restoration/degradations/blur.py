"""Blur: by a lens out of focus, by a moving camera; and the loss of resolution."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_number, check_odd
from deepvision.tasks.restoration import bicubic
from deepvision.tasks.restoration.degradations.base import Degradation, draw
from deepvision.tasks.restoration.degradations.noise import check_interval
from deepvision.types import Array, Key, Shape


@dataclasses.dataclass(frozen=True)
class GaussianBlur(Degradation):
    """y = k * x + n, k(z) ~ exp(-|z|^2 / (2 width^2)), n ~ N(0, (noise / 255)^2); mirrored beyond the borders.

    Attributes:
        width: of the kernel in pixels; (low, high): drawn uniformly, one for each image.
        size: of the kernel in pixels, odd.
        noise: standard deviation, of pixels in 0 to 255.

    Source: Zhang et al. 2017, "Learning deep CNN denoiser prior for image restoration" (1704.03264), section 4.3.
    """

    width: float | tuple[float, float] = 1.6
    size: int = 25
    noise: float = 2.0

    def __post_init__(self) -> None:
        check_interval("gaussian_blur", "width", self.width, 0.05, 100)
        _check_kernel("gaussian_blur", self.size, self.noise)

    def __call__(self, image: Array, key: Key) -> Array:
        z = jnp.arange(self.size) - self.size // 2
        line = jnp.exp(-0.5 * jnp.square(z / draw(jax.random.fold_in(key, 0), self.width)))
        return _blurred(image, line[:, None] * line, self.noise, key)


@dataclasses.dataclass(frozen=True)
class MotionBlur(Degradation):
    """y = k * x + n, k constant along a segment of `length` pixels at a random angle; mirrored beyond the borders.

    Each weight of k falls linearly to 0 within a pixel of the segment.

    Attributes:
        length: in pixels; (low, high): drawn uniformly, one for each image.
        size: of the kernel in pixels, odd; longer segments are cut.
        noise: standard deviation, of pixels in 0 to 255.

    Source: Sun et al. 2015, "Learning a convolutional neural network for non-uniform motion blur removal"
        (1503.00593), section 3.1.
    """

    length: float | tuple[float, float] = 15.0
    size: int = 25
    noise: float = 2.0

    def __post_init__(self) -> None:
        check_interval("motion_blur", "length", self.length, 0, 1000)
        _check_kernel("motion_blur", self.size, self.noise)

    def __call__(self, image: Array, key: Key) -> Array:
        angle = jax.random.uniform(jax.random.fold_in(key, 1), maxval=jnp.pi)
        end = draw(jax.random.fold_in(key, 0), self.length) / 2 * jnp.stack([jnp.sin(angle), jnp.cos(angle)])
        z = jnp.arange(self.size) - self.size // 2
        distance = ops.distance_to_segment(jnp.stack(jnp.meshgrid(z, z, indexing="ij"), axis=-1), -end, end)
        return _blurred(image, jnp.maximum(1 - distance, 0), self.noise, key)


@dataclasses.dataclass(frozen=True)
class Bicubic(Degradation):
    """y = x at 1 / scale of its size, by MATLAB's `imresize`; see `bicubic`.

    Attributes:
        scale: by which sides are divided; of an image that it does not divide, the last rows and columns are left out.
        rounded: whether y is one of 8 bits, as where it was stored; SRCNN and VDSR were measured without that.

    Source: Dong et al. 2014, "Image super-resolution using deep convolutional networks" (1501.00092), section 4.
    """

    scale: int = 2
    rounded: bool = True
    enlarged: bool = dataclasses.field(
        default=False, kw_only=True
    )  # brought back to the image's size, by the same filter

    site_arguments: ClassVar[tuple[str, ...]] = ("enlarged",)

    def __post_init__(self) -> None:
        check_count("degradation bicubic", "scale", self.scale)

    def __call__(self, image: Array, key: Key) -> Array:
        small = bicubic.resize(image, 1 / self.scale)
        small = jnp.floor(255 * jnp.clip(small, 0, 1) + 0.5) / 255 if self.rounded else small
        return bicubic.resize(small, self.scale, image.shape[:2]) if self.enlarged else small

    def on_host(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        pixels = image if self.rounded else image / 255
        small = bicubic.imresize(pixels, 1 / self.scale)
        y = bicubic.imresize(small, self.scale, image.shape[:2]) if self.enlarged else small
        return (y / 255 if self.rounded else y).astype(np.float32)

    def given(self, image: np.ndarray, known: np.ndarray | None, told: bool) -> np.ndarray:
        if not self.enlarged:
            return image
        if not self.rounded:
            return bicubic.imresize(image, self.scale)
        return bicubic.imresize(np.floor(255 * image + 0.5).astype(np.uint8), self.scale) / 255

    def enlarging(self) -> Bicubic:
        return dataclasses.replace(self, enlarged=True)

    def shape(self, image_shape: Shape) -> Shape:
        return image_shape if self.enlarged else (*bicubic.output_size(image_shape, 1 / self.scale), image_shape[2])


def _blurred(image: Array, kernel: Array, noise: float, key: Key) -> Array:
    reach = kernel.shape[0] // 2
    padded = jnp.pad(image, [(reach, reach), (reach, reach), (0, 0)], mode="symmetric")
    planes = jnp.moveaxis(padded, -1, 0)[:, None]
    kernel = (kernel / jnp.sum(kernel)).astype(image.dtype)[None, None]
    blurred = lax.conv(planes, kernel, (1, 1), "VALID", precision=lax.Precision.HIGHEST)
    added = jax.random.normal(jax.random.fold_in(key, 2), image.shape) * (noise / 255)
    return jnp.moveaxis(blurred[:, 0], 0, -1) + added


def _check_kernel(where: str, size: int, noise: float) -> None:
    check_odd(f"degradation {where}", "size", size)
    check_number(f"degradation {where}", "noise", noise, 0, 1000)
