"""Patches of images: the images lie on the device, and the compiled step draws from them."""

from __future__ import annotations

import itertools
from collections.abc import Generator, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.checks import check_room
from deepvision.choices import Choice
from deepvision.data.image_set import ImageSet
from deepvision.data.normalize import Normalization
from deepvision.data.pipeline import Batch, Feed, Make, Part, Pipeline


class Patches(Pipeline):
    """A pipeline for training whose examples are squares drawn uniformly from images of any sizes.

    `resident` holds every plane of all images, uint8 or float32 [N, h, w, c], padded with zeros to one size, and "size"
    int32 [N, 2]; a feed is {"index": int32 [B]}. In an epoch, each image is drawn from `per_image` times.

    Args:
        images: of the split.
        resident: the examples of `images`, as `stacked` returns them.
        patch: side of the squares in pixels; None: the whole image, all being of one size.
        per_image: patches of each image in an epoch.
    """

    kind = "patches, resident"

    def __init__(
        self,
        images: ImageSet,
        resident: Feed,
        patch: int | None,
        per_image: int,
        batch_size: int,
        normalize: Normalization,
        augment: tuple[Choice, ...],
    ):
        height, width = (patch, patch) if patch else resident["image"].shape[1:3]
        shape = (height, width, images.channels)
        super().__init__(images, shape, batch_size, normalize, augment, per_image)
        self.resident = resident

    def _examples(self, indices: np.ndarray) -> Feed:
        return {"index": (indices % len(self.source)).astype(np.int32)}

    def _gather(self, resident: Batch, feed: Batch, keys: jax.Array | None) -> Batch:
        index = feed["index"]
        spare = resident["size"][index] - jnp.asarray(self.image_shape[:2])
        if keys is None:
            corners = spare // 2
        else:
            draw = jax.vmap(lambda key, limit: jax.random.randint(key, (2,), 0, limit + 1))
            corners = draw(jax.vmap(jax.random.fold_in, in_axes=(0, None))(keys, len(self.augment)), spare)
        planes = {name: plane for name, plane in resident.items() if name != "size"}
        return {
            name: jax.vmap(self._cut, in_axes=(None, 0, 0))(plane, index, corners) for name, plane in planes.items()
        }

    def _cut(self, plane: jax.Array, index: jax.Array, corner: jax.Array) -> jax.Array:
        size = (1, *self.image_shape[:2], plane.shape[-1])
        return lax.dynamic_slice(plane, (index, corner[0], corner[1], 0), size)[0]

    def _stream(self, make: Make, part: Part, start: int, stop: int | None) -> Generator[Feed]:
        yield from (make(part, step) for step in (itertools.count(start) if stop is None else range(start, stop)))


def stacked(examples: Sequence[Feed], margin: int = 0) -> Feed:
    """Returns the planes of examples, padded with zeros to one size, and their sizes.

    Args:
        examples: all of a split.
        margin: pixels by which each is mirrored beyond its borders first.
    """
    rows, columns = np.max([example["image"].shape[:2] for example in examples], axis=0) + 2 * margin
    room = len(examples) * int(rows) * int(columns) * examples[0]["image"].shape[-1]
    check_room(
        f"{len(examples):,} images of {rows}x{columns}", room, "lower data.margin, or take fewer or smaller images"
    )
    examples = [_mirrored(example, margin) for example in examples]
    sizes = np.array([example["image"].shape[:2] for example in examples], np.int32)
    height, width = sizes.max(axis=0)
    planes = {}
    for name, first in examples[0].items():
        planes[name] = np.zeros((len(examples), height, width, first.shape[-1]), first.dtype)
        for place, example in zip(planes[name], examples, strict=True):
            place[: example[name].shape[0], : example[name].shape[1]] = example[name]
    return {**planes, "size": sizes}


def _mirrored(example: Feed, margin: int) -> Feed:
    pad = [(margin, margin), (margin, margin), (0, 0)]
    return {name: np.pad(plane, pad, mode="symmetric") for name, plane in example.items()} if margin else example
