"""Pipelines: from the examples of a split to the batches of a step.

A pipeline works in two places. On the host, `feed` and `evaluation` yield what a step needs of its batch; on the
device, inside the compiled step, `assemble` makes the batch of it. The two kinds divide the work differently:

    resident      the whole split lies on the device; a feed is the indices of the batch        (resident.py)
    streaming     a feed is the images of the batch, read ahead by threads or processes         (streaming.py)

Both give the same batches, to the bit, for the same seed and step. Images that differ in size have two kinds more:

    patches       squares of them, drawn on the device, to train on                             (patches.py)
    whole images  as they are, those of one size together, to be evaluated                      (whole_images.py)
"""

from __future__ import annotations

import abc
import functools
import math
from collections.abc import Callable, Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.checks import check_room
from deepvision.choices import Choice
from deepvision.data.augment import augmented
from deepvision.data.normalize import Normalization
from deepvision.data.order import order
from deepvision.data.sources import Source

Feed = dict[str, np.ndarray]
Batch = dict[str, jax.Array]
OnHost = Callable[[dict[str, np.ndarray], str], dict[str, np.ndarray]]


class Part(NamedTuple):
    """Which of several equal, consecutive runs of every batch: number `index` of `count`."""

    index: int
    count: int

    def of(self, batch_size: int) -> np.ndarray:
        """Returns the places in the batch, int64 [B / count]."""
        size = batch_size // self.count
        return self.index * size + np.arange(size, dtype=np.int64)


WHOLE = Part(0, 1)
PLANES = ("image", "input", "mask", "pixel_weight")  # of an example, what has a value for every pixel


class Pipeline(abc.ABC):
    """The batches of one split.

    Args:
        source: of the split.
        image_shape: (height, width, channels) of the images in a batch.
        batch_size: B, examples in the global batch.
        normalize: of the pixels.
        augment: in this order, each called with (image, key); see augment.py.
        per_image: how many examples of a training epoch are made of each image of the source.

    Attributes:
        info: of the source.
        num_examples: N, in an epoch.
        batch_size: B.
        image_shape: (height, width, channels) of the images in a batch.
        steps_per_epoch: N / B, not rounded.
        resident: the arrays that `assemble` needs on the device, or None.
    """

    kind: str
    resident: Feed | None = None

    def __init__(
        self,
        source: Source,
        image_shape: tuple[int, int, int],
        batch_size: int,
        normalize: Normalization,
        augment: tuple[Choice, ...] = (),
        per_image: int = 1,
    ):
        room = 4 * batch_size * math.prod(image_shape)
        shape = "x".join(map(str, image_shape))
        check_room(f"a batch of {batch_size:,} images {shape}", room, "lower data.batch_size, or data.eval_batch_size")
        self.source = source
        self.batch_size = batch_size
        self.normalize = normalize
        self.augment = augment
        self.info = source.info
        self.num_examples = len(source) * per_image
        self.image_shape = image_shape
        self.steps_per_epoch = self.num_examples / batch_size
        # Traced once here, so that an augmentation that does not suit the images is refused before anything is built.
        image = jax.ShapeDtypeStruct(self.image_shape, jnp.float32)
        jax.eval_shape(lambda image: augmented({"image": image}, augment, jax.random.key(0)), image)

    def with_inputs(self, on_host: OnHost) -> Pipeline:
        """Returns the pipeline with what a task makes of an example on the host; only of whole images is it asked."""
        return self

    def feed(self, seed: int, step: int, part: Part = WHOLE) -> Generator[Feed]:
        """Yields without end what steps `step`, `step` + 1, ... need of a part of the batch.

        It is a pure function of the seed and the step. Step t takes positions t B to t B + B - 1 of the order of `seed`
        (order.py); a batch may straddle two epochs.
        Close the generator when done with it: that ends the threads or processes that read ahead.
        """
        return self._stream(functools.partial(self._training_feed, seed, part), step, None)

    def evaluation(self, part: Part = WHOLE) -> Generator[Feed]:
        """Yields a part of batches that hold every example exactly once, in order.

        The last batch is filled up to B with the first example; "weight" float32 [B] is 1 for what counts, else 0.
        """
        return self._stream(functools.partial(self._evaluation_feed, part), 0, math.ceil(self.steps_per_epoch))

    def assemble(self, resident: Batch | None, feed: Batch, key: jax.Array | None, positions: jax.Array) -> Batch:
        """Makes the batch of a step, or one device's part of it; traced inside the compiled step.

        Args:
            resident: `self.resident`, on the device.
            feed: of this step, the part of this device.
            key: of this step, the same on every device; None: no augmentation.
            positions: int32 [n], the places of these examples in the global batch. Example i is augmented with
                `fold_in(key, positions[i])` and nothing else, so that the batch does not depend on how it is divided.

        Returns:
            {"image": float32 [n, h, w, c], normalized, "weight": float32 [n]} and what else the source knows: "label"
            int32 [n], or "mask" [n, h, w, 1] ...
        """
        keys = None if key is None else jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, positions)
        batch = self._gather(resident, feed, keys)
        batch["image"] = self.normalize(batch["image"])
        if "input" in batch and jnp.issubdtype(batch["input"].dtype, jnp.integer):  # else a task has made it
            batch["input"] = self.normalize(batch["input"])
        if keys is not None and self.augment:
            planes = {name: batch[name] for name in PLANES if name in batch}
            batch |= jax.vmap(lambda example, key: augmented(example, self.augment, key))(planes, keys)
        weight = feed["weight"] if "weight" in feed else jnp.ones(positions.shape, jnp.float32)
        return {**batch, "weight": weight}

    def describe(self) -> str:
        """Returns one line: "digits train: 1,438 images 32x32x1, resident"."""
        shape = "x".join(map(str, self.image_shape))
        return f"{self.info.name} {self.info.split}: {self.num_examples:,} images {shape}, {self.kind}"

    @abc.abstractmethod
    def _examples(self, indices: np.ndarray) -> Feed:
        """Returns what a feed holds of the examples at `indices` [B]."""

    @abc.abstractmethod
    def _gather(self, resident: Batch | None, feed: Batch, keys: jax.Array | None) -> Batch:
        """Returns the examples of a feed, "image" uint8 [n, h, w, c] and the rest; traced.

        The keys [n] are those of the examples; None: nothing is drawn.
        """

    @abc.abstractmethod
    def _stream(self, make: Callable[[int], Feed], start: int, stop: int | None) -> Generator[Feed]:
        """Yields make(start), make(start + 1), ... up to `stop` (None: without end)."""

    def _training_feed(self, seed: int, part: Part, step: int) -> Feed:
        positions = step * self.batch_size + part.of(self.batch_size)
        return self._examples(order(seed, positions, self.num_examples))

    def _evaluation_feed(self, part: Part, step: int) -> Feed:
        indices = step * self.batch_size + part.of(self.batch_size)
        real = indices < self.num_examples
        return {**self._examples(np.where(real, indices, 0)), "weight": real.astype(np.float32)}
