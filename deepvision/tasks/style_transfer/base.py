"""What the tasks that transfer style share: images in [0, 1] come out, and a loss of several parts judges them."""

from __future__ import annotations

import abc
from typing import Any, ClassVar

import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.metrics import Mean, Metrics
from deepvision.tasks.pictures import Pictures, to_rgb
from deepvision.types import Array, Shape


class Transfer(abc.ABC):
    """A task from images in colour to images in another style."""

    headline: ClassVar[str] = "loss"

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        if image_shape[-1] != 3:
            raise UserError("transfer of style takes images in colour: set data.channels to 3")
        return 3

    @abc.abstractmethod
    def parts(self, outputs: Array, targets: Any) -> dict[str, Array]:
        """Returns the parts of the loss of each image, [n], as they are weighted."""

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        return {"input": to_rgb(example["image"]), "output": to_rgb(255 * output)}

    def loss(self, outputs: Array, targets: Any) -> Array:
        return sum(self.parts(outputs, targets).values())

    def metrics(self, outputs: Array, targets: Any, weight: Array) -> Metrics:
        """Returns the loss and its parts."""
        parts = self.parts(outputs, targets)
        values = {"loss": sum(parts.values()), **{f"{name}_loss": value for name, value in parts.items()}}
        return {name: Mean(jnp.sum(value * weight), jnp.sum(weight)) for name, value in values.items()}

    def combine(self, outputs: Array) -> Array:
        return jnp.mean(outputs, axis=0)


def check(config: ConfigDict, model: Network, scale: int, needed: str) -> None:
    """Makes sure that a network returns images, so many times as large as what enters.

    Raises:
        UserError: it does not, or pixels are not in [0, 1]; `needed` says what kind of network is.
    """
    if config.data.normalize != "unit":
        raise UserError(f"task {config.task} takes images in [0, 1]: set data.normalize to 'unit'")
    if model.outputs != "image" or model.scale != scale or model.condition:
        raise UserError(f"task {config.task} needs {needed}, not {config.model.name}")
