"""The streaming pipeline: Grain reads batches ahead, in threads or in worker processes.

A batch is made in pieces of at most `PIECE` examples, each by one thread or process, which hands it over in shared
memory: so that the first batch is there soon, a worker holds little, and all of them work on a small batch too.
"""

from __future__ import annotations

import math
import os
import sys
import textwrap
from collections.abc import Generator, Iterator
from typing import NamedTuple

import jax
import numpy as np

from deepvision.choices import Choice
from deepvision.data.crops import draws
from deepvision.data.normalize import Normalization
from deepvision.data.pipeline import OF_THE_STEP, Batch, Feed, Make, Part, Pipeline
from deepvision.data.reader import Reader
from deepvision.errors import UserError

PIECE = 64  # examples: 9.2 MiB of 224x224x3
THREADS_SUFFICE = 8  # cores that threads keep busy; Python's own part of the work is one at a time
MOST_WORKERS = 32


class Piece(NamedTuple):
    """One of several nearly equal, consecutive runs of a part of every batch: number `index` of `count`."""

    part: Part
    index: int
    count: int

    def of(self, batch_size: int) -> np.ndarray:
        """Returns the places in the batch, int64 [n]."""
        return np.array_split(self.part.of(batch_size), self.count)[self.index]


class Streaming(Pipeline):
    """A pipeline whose feed is {"image": uint8 [B, h, w, c], "label": int32 [B]}.

    Args:
        num_workers: processes that read; 0: threads of this process; None: see `default_workers`.
        prefetch: batches made ahead; 0: none.
    """

    kind = "streaming"

    def __init__(
        self,
        reader: Reader,
        batch_size: int,
        normalize: Normalization,
        augment: tuple[Choice, ...],
        num_workers: int | None,
        prefetch: int,
    ):
        super().__init__(reader.source, reader.image_shape, batch_size, normalize, augment)
        self._reader = reader
        self._num_workers = default_workers(cores()) if num_workers is None else num_workers
        self._prefetch = prefetch

    def _examples(self, indices: np.ndarray) -> Feed:
        return self._reader.plain(indices)

    def _drawn(self, seed: int, positions: np.ndarray, indices: np.ndarray) -> Feed:
        return self._reader(indices, None if self._reader.crop is None else draws(seed, positions))

    def _gather(self, resident: None, feed: Batch, keys: jax.Array | None) -> Batch:
        return {name: values for name, values in feed.items() if name not in OF_THE_STEP}

    def _stream(self, make: Make, part: Part, start: int, stop: int | None) -> Generator[Feed]:
        # A step is made from its number alone, so resuming at a step is starting there: no state of Grain is kept.
        count = math.ceil(len(part.of(self.batch_size)) / PIECE)
        pieces = self._pieces(make, part, count, start, stop)
        step = start
        try:
            while batch := _joined(pieces, count):
                yield batch
                step += 1
        except RuntimeError as error:  # a worker process could not start, or died
            reason = textwrap.shorten(str(error), 200)
            raise UserError(f"reading batch {step} of {self.describe()} failed: {reason}") from error
        finally:
            pieces.close()

    def _pieces(self, make: Make, part: Part, count: int, start: int, stop: int | None):
        """Returns an iterator of the pieces of all batches, in order, whatever makes them."""
        import grain  # slow to import, and only streaming needs it
        from absl import flags

        def piece(number: int) -> Feed:
            return make(Piece(part, number % count, count), number // count)

        ahead = math.ceil(self._prefetch * count / max(self._num_workers, 1))
        threads = min(ahead, max(cores(), 2) if not self._num_workers else 2)
        options = grain.ReadOptions(num_threads=threads, prefetch_buffer_size=ahead)
        numbers = grain.MapDataset.range(start * count, sys.maxsize if stop is None else stop * count)
        pieces = numbers.map(piece).to_iter_dataset(options)
        if self._num_workers:
            if not flags.FLAGS.is_parsed():  # Grain's workers read flags; outside of a command nobody has parsed them
                flags.FLAGS.mark_as_parsed()
            workers = grain.MultiprocessingOptions(num_workers=self._num_workers, per_worker_buffer_size=max(ahead, 1))
            pieces = pieces.mp_prefetch(workers)
        return iter(pieces)


def cores() -> int:
    """Returns how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def default_workers(cores: int) -> int:
    """Returns how many processes read where the user does not say: none on a laptop, half the cores of a large host."""
    return 0 if cores <= THREADS_SUFFICE else min(cores // 2, MOST_WORKERS)


def _joined(pieces: Iterator[Feed], count: int) -> Feed | None:
    """Returns the next `count` pieces as one feed; None: there are none."""
    taken = [piece for _, piece in zip(range(count), pieces, strict=False)]
    if not taken:
        return None
    return {name: np.concatenate([piece[name] for piece in taken]) for name in taken[0]}
