"""What a source is: random access to the examples of one split."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple, Protocol, TypedDict

import numpy as np

from deepvision.data.images import decode


class Example(TypedDict, total=False):
    """One image, uint8 [h, w, c], and what is known of it.

    Attributes:
        label: its class in [0, num_classes), in a labelled set.
        mask: uint8 [h, w], a value for every pixel that stands for its class, in a set with masks.
        input: uint8 [h, w, c], what is left of the image, in a set of pairs.
    """

    image: np.ndarray
    label: int
    mask: np.ndarray
    input: np.ndarray


class Stored(NamedTuple):
    """One image as it is stored, the bytes of a file, its path, or uint8 [h, w, c], and its class."""

    image: bytes | Path | np.ndarray
    label: int


@dataclasses.dataclass(frozen=True)
class SourceInfo:
    """What is known of a split without reading its images.

    Attributes:
        name: of the data set, as in `config.data.name`.
        split: as in `config.data.train_split`.
        num_classes: of the whole data set; 0 where images have no class.
        class_names: one per class, or None where the data set has none.
        image_shape: (height, width, channels) in pixels as stored; height and width are None where images differ.
    """

    name: str
    split: str
    num_classes: int
    class_names: tuple[str, ...] | None
    image_shape: tuple[int | None, int | None, int]


class Source(Protocol):
    """Random access to the examples of one split; it can be pickled, so that worker processes can read it too."""

    info: SourceInfo

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> Example: ...

    def stored(self, indices: Sequence[int]) -> list[Stored]:
        """Returns some of the examples as they are stored, read together; of a set of classes alone."""
        ...

    def where(self, index: int) -> str:
        """Returns what to call this example in an error message: its file, or its place in the split."""
        ...


def decoded(stored: Stored, channels: int) -> Example:
    """Returns an example of a stored one; `channels` as of `images.decode`."""
    whole = isinstance(stored.image, np.ndarray)
    return {"image": stored.image if whole else decode(stored.image, channels), "label": stored.label}
