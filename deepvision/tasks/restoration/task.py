"""Restoration: an image from what noise, a file, a small sensor or a vandal has left of it."""

from __future__ import annotations

import dataclasses
import zlib
from collections.abc import Mapping
from typing import Any, ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deepvision import ops
from deepvision.choices import Choice, resolve
from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.metrics import Mean, Metrics
from deepvision.tasks.pictures import Pictures
from deepvision.tasks.restoration import bicubic, metrics
from deepvision.tasks.restoration.degradations import DEGRADATIONS, Degradation
from deepvision.tasks.restoration.degradations.base import unit
from deepvision.tasks.restoration.losses import LOSSES
from deepvision.tasks.restoration.pictures import pictures
from deepvision.tasks.task import Batch
from deepvision.types import Array, Images, Key, Shape


class Truth(NamedTuple):
    """What a restored image is compared with.

    Attributes:
        image: [n, h, w, c], as it was.
        inside: bool [n, h, w], what of it is no padding.
        size: int [n, 2], of the images; None in training, where nothing is padded.
        degraded: what the network was given, without a condition; None in training.
    """

    image: Array
    inside: Array
    size: Array | None = None
    degraded: Array | None = None


@dataclasses.dataclass(frozen=True)
class Restoration:
    """Learning to undo a degradation. Images are in [0, 1].

    Training degrades each image anew, on the device. Evaluation degrades each image once, on the host, with a generator
    seeded by the set, the file and the level, so that every network, on every machine, is given the same.

    Attributes:
        training, evaluation: the degradations.
        error: what is learned to make small, of `losses.LOSSES`.
        conditioned: whether the network is told the condition of the degradation, as the last channel.
        rounded: measure images as 8 bits would store them.
        luma: measure the luma of colour images.
    """

    headline: ClassVar[str] = "psnr"

    training: Degradation
    evaluation: Degradation
    error: Choice
    conditioned: bool = False
    rounded: bool = False
    luma: bool = False

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> Restoration:
        """Makes the task from a config and what the network says of itself.

        Raises:
            UserError: the two do not fit together.
        """
        section = config.restoration
        if config.data.normalize != "unit":
            raise UserError("task restoration compares images in [0, 1]: set data.normalize to 'unit'")
        if model.outputs != "image":
            raise UserError(f"task restoration needs a network that returns images, which {config.model.name} does not")
        pair = (section.degradation, section.eval_degradation or section.degradation)
        training, evaluation = (_suited(resolve(DEGRADATIONS, choice, "degradation")(), model) for choice in pair)
        return cls(
            training=training,
            evaluation=evaluation,
            error=resolve(LOSSES, section.loss, "restoration loss"),
            conditioned=bool(model.condition),
            rounded=section.rounded,
            luma=section.luma,
        )

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        return image_shape[-1]

    def input_shape(self, image_shape: Shape) -> Shape:
        height, width, channels = self.training.shape(image_shape)
        return height, width, channels - bool(self._hidden(self.training))

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        """Returns an example of evaluation with what is left of it as "input"; sides that do not divide are cropped."""
        _check_paired(self.evaluation, example)
        if self.evaluation.paired:
            return {**example, "input": unit(example["input"])}
        scale = self.evaluation.scale
        height, width = (side // scale * scale for side in example["image"].shape[:2])
        image = example["image"][:height, :width]
        seed = zlib.crc32(f"{name}/{self.evaluation.level}".encode())
        return {**example, "image": image, "input": self.evaluation.on_host(image, np.random.default_rng(seed))}

    def given(self, image: np.ndarray, known: np.ndarray | None) -> np.ndarray:
        """Returns the "input" of an example whose image is degraded already.

        Args:
            image: float32 [h, w, c] in [0, 1].
            known: bool [h, w, 1], which pixels are not missing; None: nobody says.

        Raises:
            UserError: the network must be told something of the degradation that nobody says.
        """
        return self.evaluation.given(image, known, self.conditioned).astype(np.float32)

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        given = example["input"]
        return pictures(given[..., :-1] if self.evaluation.condition else given, output, example.get("image"))

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Truth]:
        images = batch["image"]
        if train:
            _check_paired(self.training, batch)
            if self.training.paired:
                degraded = batch["input"]
            else:
                degraded = jax.vmap(self.training)(images, ops.example_keys(key, images.shape[0]))
            return self._seen(degraded, self.training), Truth(images, jnp.ones(images.shape[:3], bool))
        if "input" not in batch:
            raise UserError("task restoration is evaluated on whole images: set data.name to 'images'")
        inside = metrics.within(batch["size"], *images.shape[1:3])
        degraded = batch["input"][..., : images.shape[-1]]
        return self._seen(batch["input"], self.evaluation), Truth(images, inside, batch["size"], degraded)

    def loss(self, outputs: Array, targets: Truth) -> Array:
        """Returns the mean error of each image."""
        error = jnp.mean(self.error(x=_fitting(outputs, targets.image), y=targets.image), axis=-1)
        pixels = jnp.sum(targets.inside, axis=(1, 2))
        return jnp.sum(jnp.where(targets.inside, error, 0), axis=(1, 2)) / jnp.maximum(pixels, 1)

    def metrics(self, outputs: Array, targets: Truth, weight: Array) -> Metrics:
        """Returns the error and the PSNR in dB; in evaluation also the SSIM, and the PSNR of what was to be restored.

        Of super-resolution, a frame as wide as the scale does not count. An input of another size is enlarged.
        """
        values = {"loss": self.loss(outputs, targets)}
        outputs, truth = self._measured(outputs), self._measured(targets.image)
        if targets.size is None:
            values["psnr"] = metrics.psnr(outputs, truth, targets.inside)
        else:
            height, width = truth.shape[1:3]
            border = self.evaluation.scale if self.evaluation.scale > 1 else 0
            inside = metrics.within(targets.size, height, width, border)
            values["psnr"] = metrics.psnr(outputs, truth, inside)
            values["ssim"] = metrics.ssim(outputs, truth, inside)
            given = _enlarged(targets.degraded, self.evaluation.scale, (height, width))
            values["input_psnr"] = metrics.psnr(self._measured(given), truth, inside)
        count = jnp.sum(weight)
        return {name: Mean(jnp.sum(value * weight), count) for name, value in values.items()}

    def combine(self, outputs: Array) -> Array:
        return jnp.mean(outputs, axis=0)

    def _measured(self, images: Images) -> Images:
        images = images.astype(jnp.promote_types(images.dtype, jnp.float32))
        images = metrics.quantize(images) if self.rounded else jnp.clip(images, 0, 1)
        if not self.luma:
            return images
        return metrics.quantize(metrics.luma(images)) if self.rounded else metrics.luma(images)

    def _seen(self, degraded: Array, degradation: Degradation) -> Array:
        """Returns what of a degraded image the network is given."""
        return degraded[..., :-1] if self._hidden(degradation) else degraded

    def _hidden(self, degradation: Degradation) -> bool:
        return bool(degradation.condition) and not self.conditioned


def _suited(degradation: Degradation, model: Any) -> Degradation:
    """Returns the degradation in the form that a network takes its inputs in."""
    name = type(model).__name__
    if model.condition and degradation.condition != model.condition:
        raise UserError(f"{name} must be told the {model.condition} of each pixel, which {degradation} does not know")
    if model.enlarged_input:
        return degradation.enlarging()
    scale = 1 if degradation.enlarging() == degradation else degradation.scale
    if scale != model.scale:
        raise UserError(f"{name} enlarges {model.scale} times, but {degradation} reduces {scale} times")
    return degradation


def _check_paired(degradation: Degradation, example: Mapping[str, Any]) -> None:
    """Makes sure that images come in pairs if, and only if, what is to be undone is that of the data."""
    if degradation.paired and "input" not in example:
        raise UserError("degradation given: each image needs its input beside it; set data.name to 'image_pairs'")
    if not degradation.paired and "input" in example:
        raise UserError(f"the images come in pairs: set restoration.degradation to 'given', not {degradation}")


def _fitting(outputs: Array, image: Array) -> Array:
    if outputs.shape != image.shape:
        found, wanted = ("x".join(map(str, x.shape[1:])) for x in (outputs, image))
        raise UserError(f"the network returns images of {found} for images of {wanted}: see data.patch_size")
    return outputs


def _enlarged(images: Images, scale: int, size: tuple[int, int]) -> Images:
    if images.shape[1:3] == size:
        return images
    return jax.vmap(lambda image: bicubic.resize(image, scale, size))(images)
