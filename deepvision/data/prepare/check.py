"""Reads a data set through: how many images of which classes it has, and which cannot be decoded."""

from __future__ import annotations

import concurrent.futures
import dataclasses
from collections.abc import Callable

import numpy as np

from deepvision.data import jpeg
from deepvision.data.images import check_pixels, decode, read_bytes
from deepvision.data.sources import Source, Stored
from deepvision.data.streaming import cores

_TOGETHER = 256  # images


@dataclasses.dataclass(frozen=True)
class Found:
    """What there is of one split.

    Attributes:
        images: how many can be used.
        classes: how many of the `num_classes` have one.
        num_classes: of the data set.
        unusable: what is wrong, one line for each image that cannot be used.
    """

    images: int
    classes: int
    num_classes: int
    unusable: tuple[str, ...] = ()


def check(source: Source, done: Callable[[int], None]) -> Found:
    """Decodes every image of a source; `done` is told how many more are."""
    counts, unusable = np.zeros(source.info.num_classes, np.int64), []
    with concurrent.futures.ThreadPoolExecutor(cores()) as threads:
        for start in range(0, len(source), _TOGETHER):
            indices = range(start, min(start + _TOGETHER, len(source)))
            stored = source.stored(indices)
            for index, one, problem in zip(indices, stored, threads.map(_problem, stored), strict=True):
                if problem is None and not 0 <= one.label < len(counts):
                    problem = f"it has label {one.label}, no class"
                if problem is None:
                    counts[one.label] += 1
                else:
                    unusable.append(f"{source.where(index)}: {problem}")
            done(len(indices))
    return Found(int(counts.sum()), int((counts > 0).sum()), len(counts), tuple(unusable))


def undecodable(data: bytes) -> str | None:
    """Returns what is wrong with the bytes of an image, in one line; None: nothing."""
    try:
        size = jpeg.size(data)
        if size is not None:
            check_pixels(*size)
            if jpeg.decode(data, *size, 3, jpeg.FACTORS[0]) is not None:  # all is read, and little made of it
                return None
        decode(data, 3)
    except Exception as error:  # decoders raise anything on broken bytes
        return (str(error) or type(error).__name__).splitlines()[0]
    return None


def _problem(stored: Stored) -> str | None:
    if isinstance(stored.image, np.ndarray):
        return None
    try:
        data = stored.image if isinstance(stored.image, bytes) else read_bytes(stored.image)
    except (OSError, ValueError) as error:
        return str(error)
    return undecodable(data)
