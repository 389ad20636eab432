"""Reads examples of a source as arrays of one shape."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable

import numpy as np

from deepvision.data.images import fit
from deepvision.data.sources import Source
from deepvision.errors import UserError


@dataclasses.dataclass(frozen=True)
class Reader:
    """A source whose images are all brought to `image_shape`, (height, width, channels), as `images.fit` does it."""

    source: Source
    image_size: int | None
    image_shape: tuple[int, int, int]
    how: str

    def __call__(self, indices: Iterable[int]) -> dict[str, np.ndarray]:
        """Returns {"image": uint8 [n, h, w, c], "label": int32 [n]} of the examples at `indices` [n].

        Raises:
            UserError: an example cannot be read, or its image has another size; the message names its file or record.
        """
        indices = np.asarray(indices)
        image = np.empty((len(indices), *self.image_shape), np.uint8)
        label = np.empty(len(indices), np.int32)
        for place, index in enumerate(indices.tolist()):
            image[place], label[place] = self._one(index)
        return {"image": image, "label": label}

    def _one(self, index: int) -> tuple[np.ndarray, int]:
        try:
            example = self.source[index]
            image, label = fit(example["image"], self.image_size, self.image_shape[-1], self.how), example["label"]
        except Exception as error:  # decoders raise anything on broken bytes
            raise UserError(f"cannot read {self.source.where(index)}: {error}") from error
        if image.shape != self.image_shape:
            found, wanted = (f"{shape[0]}x{shape[1]}" for shape in (image.shape, self.image_shape))
            raise UserError(f"{self.source.where(index)} is {found}, not {wanted} as others: set data.image_size")
        if not 0 <= label < self.source.info.num_classes:
            raise UserError(f"{self.source.where(index)} has label {label}: no class, as in a split without labels")
        return image, label


def open_reader(source: Source, image_size: int | None, channels: int | None, how: str) -> Reader:
    """Returns the reader of `source` with `config.data.image_size` and `channels` (None: as stored), and its `fit`.

    Raises:
        UserError: the stored images differ in size, and there is no `image_size`.
    """
    info = source.info
    height, width, stored_channels = info.image_shape
    if image_size is None and (height is None or width is None):
        raise UserError(f"the images of data set {info.name!r} differ in size: set data.image_size")
    shape = (image_size or height, image_size or width, channels or stored_channels)
    return Reader(source, image_size, shape, how)
