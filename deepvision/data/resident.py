"""The resident pipeline: the split is uploaded once; gathering and augmenting happen in the compiled step."""

from __future__ import annotations

import itertools
from collections.abc import Generator

import jax
import numpy as np

from deepvision.choices import Choice
from deepvision.data.normalize import Normalization
from deepvision.data.pipeline import Batch, Feed, Make, Part, Pipeline
from deepvision.data.reader import Reader


class Resident(Pipeline):
    """A pipeline whose `resident` is {"image": uint8 [N, h, w, c], "label": int32 [N]}; a feed is {"index": int32 [B]}.

    Args:
        resident: the examples of `reader`, all of them.
    """

    kind = "resident"

    def __init__(
        self,
        reader: Reader,
        batch_size: int,
        normalize: Normalization,
        augment: tuple[Choice, ...],
        resident: Feed,
    ):
        super().__init__(reader.source, reader.image_shape, batch_size, normalize, augment)
        self.resident = resident

    def _examples(self, indices: np.ndarray) -> Feed:
        return {"index": indices.astype(np.int32)}

    def _gather(self, resident: Batch, feed: Batch, keys: jax.Array | None) -> Batch:
        return {name: values[feed["index"]] for name, values in resident.items()}

    def _stream(self, make: Make, part: Part, start: int, stop: int | None) -> Generator[Feed]:
        yield from (make(part, step) for step in (itertools.count(start) if stop is None else range(start, stop)))
