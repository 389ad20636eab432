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
import copy
import functools
import math
from collections.abc import Callable, Generator
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.checks import check_room
from deepvision.choices import Choice
from deepvision.data.augment import PICTURES, augmented
from deepvision.data.normalize import Normalization
from deepvision.data.order import order, turns
from deepvision.data.sources import Source
from deepvision.errors import UserError

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
Make = Callable[[Part, int], Feed]  # what a step needs of a part of its batch
PLANES = ("image", "input", "mask", "pixel_weight")  # of an example, what has a value for every pixel
OF_THE_STEP = ("weight", "mirrored")  # what a feed tells of an example beside what the source does


class Pipeline(abc.ABC):
    """The batches of one split.

    Args:
        source: of the split.
        image_shape: (height, width, channels) of the images in a batch.
        batch_size: B, examples in the global batch.
        normalize: of the pixels.
        augment: in this order; see augment/.
        per_image: how many examples of a training epoch are made of each image of the source.

    Attributes:
        info: of the source.
        num_examples: N, in an epoch.
        batch_size: B.
        image_shape: (height, width, channels) of the images in a batch.
        steps_per_epoch: N / B, not rounded.
        repeats: how often each example of a training batch stands in it.
        resident: the arrays that `assemble` needs on the device, or None.
    """

    kind: str
    resident: Feed | None = None
    repeats: int = 1

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
        jax.eval_shape(lambda image: augmented({"image": image}, augment, jax.random.key(0), normalize), image)

    def with_inputs(self, on_host: OnHost) -> Pipeline:
        """Returns the pipeline with what a task makes of an example on the host; only of whole images is it asked."""
        return self

    def repeating(self, repeats: int) -> Pipeline:
        """Returns the pipeline whose training batches hold each example so often, augmented anew each time.

        They stand B / `repeats` places apart, so that neighbours, which mixup and cutmix mix, are different. In as many
        epochs each example is seen as often. An epoch is still N / B steps.

        Source: repeated augmentation, Hoffer et al. 2019 (1901.09335), Berman et al. 2019 (1902.05509), section 3.2.

        Raises:
            UserError: it does not divide the batch.
        """
        if self.batch_size % repeats:
            raise UserError(f"data.repeats = {repeats} does not divide data.batch_size = {self.batch_size}")
        made = copy.copy(self)
        made.repeats = repeats
        return made

    def feed(self, seed: int, step: int, part: Part = WHOLE) -> Generator[Feed]:
        """Yields without end what steps `step`, `step` + 1, ... need of a part of the batch.

        It is a pure function of the seed and the step. Step t takes positions t B to t B + B - 1 of the order of `seed`
        (order.py); a batch may straddle two epochs. With `repeats` R it takes B / R positions, R times over.
        Close the generator when done with it: that ends the threads or processes that read ahead.
        """
        return self._stream(functools.partial(self._training_feed, seed), part, step, None)

    def evaluation(self, part: Part = WHOLE) -> Generator[Feed]:
        """Yields a part of batches that hold every example exactly once, in order.

        The last batch is filled up to B with the first example; "weight" float32 [B] is 1 for what counts, else 0.
        """
        return self._stream(self._evaluation_feed, part, 0, math.ceil(self.steps_per_epoch))

    def sample(self, count: int) -> np.ndarray:
        """Returns the first images of the split, at most `count`, as evaluation would see them, [n, h, w, c]."""
        indices = np.arange(min(count, len(self.source)))
        positions = jnp.asarray(indices, jnp.int32)
        return np.asarray(self.assemble(self.resident, self._examples(indices), None, positions)["image"])

    def assemble(self, resident: Batch | None, feed: Batch, key: jax.Array | None, positions: jax.Array) -> Batch:
        """Makes the batch of a step, or one device's part of it; traced inside the compiled step.

        Args:
            resident: `self.resident`, on the device.
            feed: of this step, the part of this device.
            key: of this step, the same on every device; None: no augmentation.
            positions: int32 [n], the places of these examples in the global batch. Example i is augmented with
                `fold_in(key, positions[i])` and what its feed says, so that the batch does not depend on how it is
                divided.

        Returns:
            {"image": float32 [n, h, w, c], normalized, "weight": float32 [n]} and what else the source knows: "label"
            int32 [n], or "mask" [n, h, w, 1] ...
        """
        keys = None if key is None else jax.vmap(jax.random.fold_in, in_axes=(None, 0))(key, positions)
        batch = self._gather(resident, feed, keys)
        pictures = [name for name in PICTURES if name in batch and jnp.issubdtype(batch[name].dtype, jnp.integer)]
        if keys is not None and self.augment:
            planes = {name: batch[name] for name in PLANES if name in batch}
            mirrored = feed.get("mirrored", jnp.zeros(positions.shape, bool))
            augment = functools.partial(augmented, augmentations=self.augment, normalize=self.normalize)
            batch |= jax.vmap(lambda planes, key, turn: augment(planes, key=key, mirrored=turn))(planes, keys, mirrored)
        batch |= {name: self.normalize(batch[name]) for name in pictures}  # an input of another type a task has made
        weight = feed["weight"] if "weight" in feed else jnp.ones(positions.shape, jnp.float32)
        if "usable" in batch:
            weight = weight * batch.pop("usable")
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
    def _stream(self, make: Make, part: Part, start: int, stop: int | None) -> Generator[Feed]:
        """Yields make(part, start), make(part, start + 1), ... up to `stop` (None: without end)."""

    def _training_feed(self, seed: int, part: Part, step: int) -> Feed:
        positions = step * self.batch_size + part.of(self.batch_size)
        indices = self._indices(seed, positions)
        feed = self._drawn(seed, positions, indices)
        if any(augmentation.name == "alternating_flip" for augmentation in self.augment):
            place, again = self._without_repeats(positions)
            seen = place // self.num_examples * self.repeats + again  # so often before
            feed["mirrored"] = turns(seed, indices, seen, self.num_examples)
        return feed

    def _drawn(self, seed: int, positions: np.ndarray, indices: np.ndarray) -> Feed:
        """Returns what a feed holds of the examples `indices` at these positions of the endless training, [n] both."""
        return self._examples(indices)

    def _indices(self, seed: int, positions: np.ndarray) -> np.ndarray:
        """Returns which examples stand at these positions of the endless training, int64 [n]."""
        return order(seed, self._without_repeats(positions)[0], self.num_examples)

    def _without_repeats(self, positions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Returns the positions in the order of the examples, and which of its repeats each is, from 0."""
        different = self.batch_size // self.repeats
        step, place = np.divmod(positions, self.batch_size)
        again, place = np.divmod(place, different)
        return step * different + place, again

    def _evaluation_feed(self, part: Part, step: int) -> Feed:
        indices = step * self.batch_size + part.of(self.batch_size)
        real = indices < self.num_examples
        return {**self._examples(np.where(real, indices, 0)), "weight": real.astype(np.float32)}
