"""The streaming pipeline: Grain reads batches ahead, in threads or in worker processes."""

from __future__ import annotations

import math
import sys
import textwrap
from collections.abc import Callable, Generator

import jax
import numpy as np

from deepvision.choices import Choice
from deepvision.data.normalize import Normalization
from deepvision.data.pipeline import Batch, Feed, Pipeline
from deepvision.data.reader import Reader
from deepvision.errors import UserError


class Streaming(Pipeline):
    """A pipeline whose feed is {"image": uint8 [B, h, w, c], "label": int32 [B]}.

    Args:
        num_workers: processes that read; 0: threads of this process.
        prefetch: batches made ahead, each by a thread of its own; 0: none.
    """

    kind = "streaming"

    def __init__(
        self,
        reader: Reader,
        batch_size: int,
        normalize: Normalization,
        augment: tuple[Choice, ...],
        num_workers: int,
        prefetch: int,
    ):
        super().__init__(reader.source, reader.image_shape, batch_size, normalize, augment)
        self._reader = reader
        self._num_workers = num_workers
        self._prefetch = prefetch

    def _examples(self, indices: np.ndarray) -> Feed:
        return self._reader(indices)

    def _gather(self, resident: None, feed: Batch, keys: jax.Array | None) -> Batch:
        return {name: values for name, values in feed.items() if name != "weight"}

    def _stream(self, make: Callable[[int], Feed], start: int, stop: int | None) -> Generator[Feed]:
        # A step is made from its number alone, so resuming at a step is starting there: no state of Grain is kept.
        batches = self._batches(make, start, sys.maxsize if stop is None else stop)
        step = start
        try:
            for feed in batches:
                yield feed
                step += 1
        except RuntimeError as error:  # a worker process could not start, or died
            reason = textwrap.shorten(str(error), 200)
            raise UserError(f"reading batch {step} of {self.describe()} failed: {reason}") from error
        finally:
            batches.close()

    def _batches(self, make: Callable[[int], Feed], start: int, stop: int):
        import grain  # slow to import, and only streaming needs it
        from absl import flags

        ahead = math.ceil(self._prefetch / max(self._num_workers, 1))
        options = grain.ReadOptions(num_threads=ahead, prefetch_buffer_size=ahead)
        batches = grain.MapDataset.range(start, stop).map(make).to_iter_dataset(options)
        if self._num_workers:
            if not flags.FLAGS.is_parsed():  # Grain's workers read flags; outside of a command nobody has parsed them
                flags.FLAGS.mark_as_parsed()
            workers = grain.MultiprocessingOptions(num_workers=self._num_workers, per_worker_buffer_size=max(ahead, 1))
            batches = batches.mp_prefetch(workers)
        return iter(batches)
