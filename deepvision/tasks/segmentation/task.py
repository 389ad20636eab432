"""Segmentation: a class for every pixel."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.metrics import Mean, MeanOverClasses, Metrics, OnHost
from deepvision.tasks.pictures import Pictures
from deepvision.tasks.segmentation.losses import LOSSES, Loss
from deepvision.tasks.segmentation.metrics import cell_scores, confusion
from deepvision.tasks.segmentation.pictures import pictures
from deepvision.tasks.task import Batch
from deepvision.types import Array, Key, Shape


class Labels(NamedTuple):
    """The classes of pixels.

    Attributes:
        mask: int [n, h, w]; `IGNORE` where none counts.
        weight: [n, h, w], of the pixels in the loss.
        size: int [n, 2], of whole images; None in training.
    """

    mask: Array
    weight: Array
    size: Array | None = None


@dataclasses.dataclass(frozen=True)
class Segmentation:
    """A sum of losses of each image. A network whose outputs are smaller labels the middle of the image.

    Attributes:
        losses: entries of `losses.LOSSES`, made.
        cells: whether evaluation scores the parts of the second class as cells.
    """

    headline: ClassVar[str] = "mean_iou"

    losses: tuple[Loss, ...]
    cells: bool = False

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> Segmentation:
        """Makes the task from a config and what the network says of itself.

        Raises:
            UserError: the network does not label pixels, or there is no loss.
        """
        if not model.dense or model.outputs != "logits":
            raise UserError(f"task segmentation needs a network that labels pixels, which {config.model.name} does not")
        if not config.segmentation.losses:
            raise UserError("segmentation.losses names no loss: there is nothing to learn from")
        if config.segmentation.cells and model.num_classes != 2:
            raise UserError(f"segmentation.cells needs two classes, the second being cells, not {model.num_classes}")
        losses = tuple(resolve(LOSSES, choice, "segmentation loss")() for choice in config.segmentation.losses)
        return cls(losses, config.segmentation.cells)

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        return num_classes

    def input_shape(self, image_shape: Shape) -> Shape:
        return image_shape

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        return example

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        truth = example["mask"][..., 0] if "mask" in example else None
        return pictures(example["image"], np.argmax(output, axis=-1), truth)

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Labels]:
        if "mask" not in batch:
            raise UserError("task segmentation needs a class for every pixel: set data.name to 'image_masks'")
        mask = batch["mask"][..., 0].astype(jnp.int32)
        weight = batch["pixel_weight"][..., 0] if "pixel_weight" in batch else jnp.ones(mask.shape)
        return batch["image"], Labels(mask, weight, None if train else batch.get("size"))

    def loss(self, outputs: Array, targets: Labels) -> Array:
        mask, weight = (_middle(plane, outputs.shape) for plane in (targets.mask, targets.weight))
        return sum(jax.vmap(loss)(outputs, mask, weight) for loss in self.losses)

    def metrics(self, outputs: Array, targets: Labels, weight: Array) -> Metrics:
        """Returns the loss, the share of pixels that are right, and the mean IoU and Dice of the classes that occur.

        Of two classes, also the IoU of the second, the foreground. These are of the pixels of all images; the loss, and
        the Rand score and the warping error of cells, are means over images.

        Source: Long et al. 2014 (1411.4038), section 5.
        """
        mask = _middle(targets.mask, outputs.shape)
        matrix = confusion(mask, jnp.argmax(outputs, axis=-1), weight, outputs.shape[-1])
        hits, true, found = jnp.diagonal(matrix), jnp.sum(matrix, axis=1), jnp.sum(matrix, axis=0)
        values = {
            "loss": Mean(jnp.sum(self.loss(outputs, targets) * weight), jnp.sum(weight)),
            "pixel_accuracy": MeanOverClasses(jnp.sum(hits)[None], jnp.sum(true)[None]),
            "mean_iou": MeanOverClasses(hits, true + found - hits),
            "mean_dice": MeanOverClasses(2 * hits, true + found),
        }
        if outputs.shape[-1] == 2:
            values["foreground_iou"] = MeanOverClasses(hits[1:], (true + found - hits)[1:])
        if self.cells and targets.size is not None:
            found = jnp.argmax(outputs, axis=-1).astype(jnp.uint8)
            values["cells"] = OnHost((found, mask.astype(jnp.uint8)), weight, cell_scores)
        return values

    def combine(self, outputs: Array) -> Array:
        log_p = jax.nn.log_softmax(outputs)
        return jax.nn.logsumexp(log_p, axis=0) - jnp.log(log_p.shape[0])


def _middle(plane: Array, shape: Shape) -> Array:
    """Returns the middle of planes [n, h, w] that outputs of a shape [n, h', w', k] label."""
    top, left = ((plane.shape[axis] - shape[axis]) // 2 for axis in (1, 2))
    if top < 0 or left < 0:
        raise UserError(
            f"the network labels {shape[1]}x{shape[2]} pixels of images of {plane.shape[1]}x{plane.shape[2]}"
        )
    return plane[:, top : top + shape[1], left : left + shape[2]]
