"""Reads examples of a source as arrays of one shape."""

from __future__ import annotations

import dataclasses
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from deepvision.choices import Choice
from deepvision.data.crops import RANDOM
from deepvision.data.images import decode, fit
from deepvision.data.sources import Source, Stored
from deepvision.errors import UserError, as_line

UNUSABLE = ("stop", "skip")
_TOGETHER = 256  # examples that are read from the source at once


@dataclasses.dataclass(frozen=True)
class Reader:
    """A source whose images are all brought to `image_shape`, (height, width, channels).

    Attributes:
        source: of the examples.
        image_size: as `config.data.image_size`.
        image_shape: of every image that is read.
        how: as `images.fit` does it, where there is no crop.
        crop: of `crops.CROPS`.
        unusable: what is done about an image that cannot be read: "stop", or "skip" it.
    """

    source: Source
    image_size: int | None
    image_shape: tuple[int, int, int]
    how: str
    crop: Choice | None = None
    unusable: str = "stop"
    _named: set[int] = dataclasses.field(default_factory=set, compare=False, repr=False)

    def __call__(self, indices: Iterable[int], draws: np.ndarray | None = None) -> dict[str, np.ndarray]:
        """Returns {"image": uint8 [n, h, w, c], "label": int32 [n]} of the examples at `indices` [n].

        Where unusable images are skipped, also "usable" float32 [n]: 0 of those, which are black and of class 0. Each
        is named by a line on the standard error, once by each process that reads.

        Args:
            indices: of examples of the source.
            draws: [n, DRAWS], what a random crop of each draws.

        Raises:
            UserError: an example cannot be read, or its image has another size; the message names its file or record.
        """
        indices = np.asarray(indices).tolist()
        image = np.zeros((len(indices), *self.image_shape), np.uint8)
        label = np.zeros(len(indices), np.int32)
        usable = np.ones(len(indices), np.float32)
        for start in range(0, len(indices), _TOGETHER):
            here = indices[start : start + _TOGETHER]
            for place, (index, stored) in enumerate(zip(here, self._stored(here), strict=True), start):
                try:
                    draw = None if draws is None else draws[place]
                    image[place], label[place] = self._one(index, stored, draw)
                except UserError as error:
                    if self.unusable == "stop":
                        raise
                    usable[place] = 0
                    self._name(index, error)
        examples = {"image": image, "label": label}
        return examples if self.unusable == "stop" else {**examples, "usable": usable}

    @property
    def plain(self) -> Reader:
        """The same reader, or where its crop is random one that fits the images instead, and so draws nothing."""
        drawn = self.crop is not None and self.crop.name in RANDOM
        return dataclasses.replace(self, crop=None) if drawn else self

    def usable_images(self, indices: np.ndarray) -> np.ndarray:
        """Returns the images at `indices`, uint8 [n, h, w, c], without those that are skipped."""
        examples = self(indices)
        return examples["image"][examples["usable"] > 0] if "usable" in examples else examples["image"]

    def _stored(self, indices: Sequence[int]) -> Sequence[Stored | Exception]:
        try:
            return self.source.stored(indices)
        except Exception as error:  # of the disk, or of broken records
            if len(indices) == 1:
                return [error]
            return [stored for index in indices for stored in self._stored([index])]  # to know which

    def _one(self, index: int, stored: Stored | Exception, draw: np.ndarray | None) -> tuple[np.ndarray, int]:
        try:
            if isinstance(stored, Exception):
                raise stored
            image = self._image(stored.image, draw)
        except Exception as error:  # decoders raise anything on broken bytes
            raise UserError(f"cannot read {self.source.where(index)}: {error}") from error
        if image.shape != self.image_shape:
            found, wanted = (f"{shape[0]}x{shape[1]}" for shape in (image.shape, self.image_shape))
            raise UserError(f"{self.source.where(index)} is {found}, not {wanted} as others: set data.image_size")
        if not 0 <= stored.label < self.source.info.num_classes:
            which = f"has label {stored.label}: no class, as in a split without labels"
            raise UserError(f"{self.source.where(index)} {which}")
        return image, stored.label

    def _image(self, image: bytes | Path | np.ndarray, draw: np.ndarray | None) -> np.ndarray:
        channels = self.image_shape[-1]
        if self.crop is not None:
            return self.crop(image=image, size=self.image_size, channels=channels, draw=draw)
        pixels = image if isinstance(image, np.ndarray) else decode(image, self.source.info.image_shape[-1])
        return fit(pixels, self.image_size, channels, self.how)

    def _name(self, index: int, error: UserError) -> None:
        if index not in self._named:
            self._named.add(index)
            print(as_line(f"left out: {error}"), file=sys.stderr, flush=True)


def open_reader(
    source: Source,
    image_size: int | None,
    channels: int | None,
    how: str,
    crop: Choice | None = None,
    unusable: str = "stop",
) -> Reader:
    """Returns the reader of `source` with `config.data.image_size` and `channels` (None: as stored); see `Reader`.

    Raises:
        UserError: the stored images differ in size, and there is no `image_size`.
    """
    info = source.info
    height, width, stored_channels = info.image_shape
    if image_size is None and (height is None or width is None):
        raise UserError(f"the images of data set {info.name!r} differ in size: set data.image_size")
    shape = (image_size or height, image_size or width, channels or stored_channels)
    return Reader(source, image_size, shape, how, crop, unusable)
