"""Whole images of any sizes, for evaluation: those of one size make batches, so that few programs are compiled."""

from __future__ import annotations

import copy
import itertools
from collections.abc import Generator

import jax
import numpy as np

from deepvision.data.image_set import ImageSet
from deepvision.data.normalize import Normalization
from deepvision.data.pipeline import WHOLE, Batch, Feed, Make, OnHost, Part, Pipeline
from deepvision.types import IGNORE


class WholeImages(Pipeline):
    """A pipeline for evaluation: every image once, whole, after what the task makes of it on the host.

    A feed is {"image": uint8 [B, h, w, c], ..., "size": int32 [B, 2], "weight": float32 [B]}; h and w differ from one
    to the next. They are the size of the images, or the next multiples of `multiple`: then an image is mirrored to the
    right and below, its mask has `IGNORE` there, and "size" tells how much is its own. An "input" that is smaller than
    its image by a whole factor is brought to multiples, and the image to as many times these.

    Args:
        images: of the split.
        batch_size: B.
        multiple: of pixels.
    """

    kind = "whole images"

    def __init__(self, images: ImageSet, batch_size: int, normalize: Normalization, multiple: int = 1):
        self._images, self._multiple = images, multiple
        sizes = [images.source.size(index) for index in range(len(images))]
        largest = (*(-(-side // multiple) * multiple for side in np.max(sizes, axis=0).tolist()), images.channels)
        super().__init__(images, largest, batch_size, normalize)
        self._batches = [members for same in _same_size(sizes) for members in _cut(same, batch_size)]
        self._on_host: OnHost | None = None
        self._made: dict[int, dict[str, np.ndarray]] = {}

    def with_inputs(self, on_host: OnHost) -> WholeImages:
        made = copy.copy(self)
        made._on_host, made._made = on_host, {}
        return made

    def evaluation(self, part: Part = WHOLE) -> Generator[Feed]:
        """Yields a part of batches that hold every image once, by size; "weight" is 0 of those that fill up a batch."""
        return self._stream(self._evaluation_feed, part, 0, len(self._batches))

    def _evaluation_feed(self, part: Part, step: int) -> Feed:
        places = part.of(self.batch_size)
        members = np.resize(self._batches[step], self.batch_size)[places]  # filled up by what comes first again
        weight = places < len(self._batches[step])
        return {**self._examples(members), "weight": weight.astype(np.float32)}

    def _examples(self, indices: np.ndarray) -> Feed:
        examples = [self._example(index) for index in indices.tolist()]
        return {name: np.stack([example[name] for example in examples]) for name in examples[0]}

    def _example(self, index: int) -> dict[str, np.ndarray]:
        """Returns an example as a feed holds it; it is made once."""
        if index not in self._made:
            example = self._images[index]
            if self._on_host is not None:
                example = self._on_host(example, self._images.source.called(index))
            size = np.array(example["image"].shape[:2], np.int32)
            self._made[index] = {**padded(example, self._multiple), "size": size}
        return self._made[index]

    def _gather(self, resident: None, feed: Batch, keys: jax.Array | None) -> Batch:
        return {name: value for name, value in feed.items() if name != "weight"}

    def _stream(self, make: Make, part: Part, start: int, stop: int | None) -> Generator[Feed]:
        yield from (make(part, step) for step in (itertools.count(start) if stop is None else range(start, stop)))


def _same_size(sizes: list[tuple[int, int]]) -> list[list[int]]:
    """Returns the images of each size, by their indices."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(size, []).append(index)
    return list(groups.values())


def _cut(indices: list[int], size: int) -> list[tuple[int, ...]]:
    return [tuple(indices[start : start + size]) for start in range(0, len(indices), size)]


def padded(example: dict[str, np.ndarray], multiple: int) -> dict[str, np.ndarray]:
    """Returns an example brought to multiples, as `WholeImages` says."""
    height, width = example.get("input", example["image"]).shape[:2]
    missing = (-height % multiple, -width % multiple)
    return {name: _padded_plane(name, plane, missing, (height, width)) for name, plane in example.items()}


def _padded_plane(name: str, plane: np.ndarray, missing: tuple[int, int], size: tuple[int, int]) -> np.ndarray:
    """Returns a plane [h, w, c] with so many more rows and columns, times its size by that of what the network sees."""
    below, right = (more * side // small for more, side, small in zip(missing, plane.shape, size, strict=False))
    pad = [(0, below), (0, right), (0, 0)]
    return np.pad(plane, pad, constant_values=IGNORE) if name == "mask" else np.pad(plane, pad, mode="symmetric")
