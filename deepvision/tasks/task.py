"""The interface of a task: from a batch to a loss and to metrics that add up."""

from __future__ import annotations

from typing import Any, Protocol

from deepvision.types import Array, Key

Batch = dict[str, Array]
Metrics = dict[str, tuple[Array, Array]]  # name -> (sum, count): exact over devices and ragged last batches


class Task(Protocol):
    """What everything above a network and below an engine consists of."""

    def head(self, num_classes: int) -> int:
        """Returns how many outputs the network must have for data with so many classes."""
        ...

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Any]:
        """Returns the network's inputs and the targets; corruption and mixing of examples live here."""
        ...

    def loss(self, outputs: Array, targets: Any) -> Array:
        """Returns the training loss of each example, [n]."""
        ...

    def metrics(self, outputs: Array, targets: Any, weight: Array) -> Metrics:
        """Returns what is reported, as sums over the examples weighted by `weight` [n], with the sum of the weights."""
        ...

    def combine(self, outputs: Array) -> Array:
        """Returns the outputs of the mean prediction of several members, [members, n, ...] -> [n, ...]."""
        ...
