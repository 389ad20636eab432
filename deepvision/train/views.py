"""Views of an image in evaluation, whose predictions are averaged: test-time augmentation.

Each makes [v, n, h, w, c] of images [n, h, w, c]; `share` says what of the mean each of the v is. The network sees all
views of a batch at once, in v times its memory.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import ClassVar, Protocol

import jax
import jax.numpy as jnp

from deepvision.checks import check_count, check_one_of
from deepvision.errors import UserError
from deepvision.tasks.task import Task
from deepvision.types import Array, Images

AVERAGES = ("probabilities", "logits")


class Views(Protocol):
    """What `VIEWS` holds.

    Attributes:
        share: of the mean, for each view, in parts of their sum.
        average: of what: one of `AVERAGES`.
    """

    share: ClassVar[tuple[int, ...]]
    average: str

    def __call__(self, images: Images) -> Array: ...


@dataclasses.dataclass(frozen=True)
class Flip:
    """The image and its mirror image, left to right.

    Raises: UserError for an unknown average.
    Source: Krizhevsky et al. 2012, section 4.1; He et al. 2015 (1512.03385), section 3.4.
    """

    share: ClassVar[tuple[int, ...]] = (1, 1)
    average: str = "probabilities"

    def __post_init__(self) -> None:
        check_one_of("views flip", "average", self.average, AVERAGES)

    def __call__(self, images: Images) -> Array:
        return _with_mirrored(images[jnp.newaxis])


@dataclasses.dataclass(frozen=True)
class TenCrop:
    """Squares of `size` pixels from the four corners and the centre, and their mirror images.

    Without a size they have 7/8 of the smaller side: 224 pixels of 256.

    Raises: UserError for a size below 1, or an unknown average; when called, for one larger than the image.
    Source: Krizhevsky et al. 2012, section 4.1; the centre as in torchvision's TenCrop.
    """

    share: ClassVar[tuple[int, ...]] = (1,) * 10
    size: int | None = None
    average: str = "probabilities"

    def __post_init__(self) -> None:
        if self.size is not None:
            check_count("views ten_crop", "size", self.size)
        check_one_of("views ten_crop", "average", self.average, AVERAGES)

    def __call__(self, images: Images) -> Array:
        height, width = images.shape[1:3]
        size = min(height, width) * 7 // 8 if self.size is None else self.size
        down, right = height - size, width - size
        if min(down, right) < 0:
            raise UserError(f"views ten_crop: size = {size} is more than the images have, {height}x{width}")
        corners = ((0, 0), (0, right), (down, 0), (down, right), (round(down / 2), round(right / 2)))
        return _with_mirrored(jnp.stack([_window(images, corner, (size, size)) for corner in corners]))


@dataclasses.dataclass(frozen=True)
class MultiCrop:
    """The image, and the image moved by `shift` pixels down to the right and up to the left; and their mirror images.

    What comes in is the image mirrored without its edge. The unmoved one is half of the mean.

    Raises: UserError for a shift below 1, or an unknown average; when called, for one that the image is too small for.
    Source: Jordan 2024 (2404.00498), section 3.5, which averages logits.
    """

    shift: int = 1
    share: ClassVar[tuple[int, ...]] = (2, 1, 1) * 2
    average: str = "logits"

    def __post_init__(self) -> None:
        check_count("views multi_crop", "shift", self.shift)
        check_one_of("views multi_crop", "average", self.average, AVERAGES)

    def __call__(self, images: Images) -> Array:
        size, shift = images.shape[1:3], self.shift
        if shift >= min(size):
            raise UserError(f"views multi_crop: shift = {shift} is too much for images of {size[0]}x{size[1]}")
        padded = jnp.pad(images, ((0, 0), (shift, shift), (shift, shift), (0, 0)), mode="reflect")
        corners = ((shift, shift), (0, 0), (2 * shift, 2 * shift))
        return _with_mirrored(jnp.stack([_window(padded, corner, size) for corner in corners]))


VIEWS = {"flip": Flip, "ten_crop": TenCrop, "multi_crop": MultiCrop}


def averaged(views: Views | None, task: Task, predict: Callable[[Images], Array]) -> Callable[[Images], Array]:
    """Returns the prediction of images [n, h, w, c] -> outputs [n, classes] as the mean of that of their views."""
    if views is None:
        return predict

    def mean(images: Images) -> Array:
        seen = views(images)
        outputs = predict(seen.reshape(-1, *seen.shape[2:]))
        outputs = outputs.reshape(*seen.shape[:2], *outputs.shape[1:])
        repeated = jnp.repeat(outputs, jnp.array(views.share), axis=0, total_repeat_length=sum(views.share))
        return task.combine(repeated) if views.average == "probabilities" else jnp.mean(repeated, axis=0)

    return mean


def _with_mirrored(images: Array) -> Array:
    """Returns images [v, n, h, w, c] and their mirror images, [2 v, n, h, w, c]."""
    return jnp.concatenate([images, images[..., ::-1, :]])


def _window(images: Images, corner: tuple[int, int], size: tuple[int, int]) -> Images:
    return jax.lax.slice(
        images,
        (0, *corner, 0),
        (images.shape[0], corner[0] + size[0], corner[1] + size[1], images.shape[3]),
    )
