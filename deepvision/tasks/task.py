"""The interface of a task: from a batch to a loss and to metrics that add up."""

from __future__ import annotations

from typing import Any, ClassVar, Protocol

import numpy as np
from ml_collections import ConfigDict

from deepvision.models.network import Network
from deepvision.tasks.metrics import Metrics
from deepvision.tasks.pictures import Pictures
from deepvision.types import Array, Key, Shape

Batch = dict[str, Array]


class Task(Protocol):
    """What everything above a network and below an engine consists of.

    Attributes:
        headline: the metric by which runs are compared where nothing else is said.
    """

    headline: ClassVar[str]

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> Task:
        """Makes the task from a config, its section `loss`, in which numbers may be traced, and the network."""
        ...

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        """Returns how many outputs the network must have for data with so many classes, of images [h, w, c]."""
        ...

    def input_shape(self, image_shape: Shape) -> Shape:
        """Returns the shape [h, w, c] of what the network sees of images of a shape [h, w, c]."""
        ...

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        """Returns an example of evaluation with what is made of it once, outside the compiled step.

        Args:
            example: arrays of one image, such as "image" uint8 [h, w, c].
            name: of the image, "set/file", the same everywhere.
        """
        ...

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        """Returns pictures of what the network was given of one image, what came out, and what should have.

        Args:
            example: as of `on_host`; the truth may be missing.
            output: of the network, [h, w, outputs].
        """
        ...

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Any]:
        """Returns the network's inputs and the targets; corruption and mixing of examples live here.

        Raises:
            UserError: the data does not know what the task needs.
        """
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
