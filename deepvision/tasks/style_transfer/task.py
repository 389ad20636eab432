"""Transfer of style: an image keeps its content, and gets the style of another."""

from __future__ import annotations

import dataclasses
import functools
from pathlib import Path
from typing import ClassVar, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deepvision.data.images import decode
from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.metrics import Mean, Metrics
from deepvision.tasks.pictures import Pictures, to_rgb
from deepvision.tasks.style_transfer.features import LAYERS, Weights, features, gram, read_weights
from deepvision.tasks.task import Batch
from deepvision.types import Array, Images, Key, Shape

CONTENT = "relu3_3"  # the layer that content is compared at; style is compared at all


class Content(NamedTuple):
    """The images [n, h, w, 3], in [0, 1], whose content is to be kept."""

    image: Images


@dataclasses.dataclass(frozen=True, eq=False)
class StyleTransfer:
    """content |f(y) - f(x)|^2 + style sum_l |G_l(y) - G_l(s)|^2 + smoothness |grad y|^2, means over what is squared.

    f and f_l are features of VGG-16, G_l their Gram matrices, s the one image of the style, x and y what enters and
    leaves the network.

    Attributes:
        weights: of VGG-16.
        grams: G_l(s), [c, c] each.
        content, style, smoothness: weights of the three.

    Source: Johnson et al. 2016 (1603.08155), section 3.2; Gatys et al. 2015 (1508.06576).
    """

    headline: ClassVar[str] = "loss"

    weights: Weights
    grams: dict[str, np.ndarray]
    content: float
    style: float
    smoothness: float

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> StyleTransfer:
        """Makes the task from a config and what the network says of itself.

        Raises:
            UserError: the two do not fit together, or there is no image of a style.
        """
        section = config.style_transfer
        if config.data.normalize != "unit":
            raise UserError("task style_transfer takes images in [0, 1]: set data.normalize to 'unit'")
        if model.outputs != "image" or model.scale != 1 or model.condition:
            raise UserError(f"task style_transfer needs a network from images to images, not {config.model.name}")
        grams = style_of(section.image, section.weights)
        return cls(read_weights(section.weights), grams, section.content, section.style, section.smoothness)

    @staticmethod
    def head(num_classes: int, image_shape: Shape) -> int:
        if image_shape[-1] != 3:
            raise UserError("task style_transfer takes images in colour: set data.channels to 3")
        return 3

    def input_shape(self, image_shape: Shape) -> Shape:
        return image_shape

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        return example

    def pictures(self, example: dict[str, np.ndarray], output: np.ndarray) -> Pictures:
        return {"input": to_rgb(example["image"]), "output": to_rgb(255 * output)}

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Content]:
        return batch["image"], Content(batch["image"])

    def loss(self, outputs: Array, targets: Content) -> Array:
        return sum(self._parts(outputs, targets).values())

    def metrics(self, outputs: Array, targets: Content, weight: Array) -> Metrics:
        """Returns the loss and its parts, as they are weighted."""
        parts = self._parts(outputs, targets)
        values = {"loss": sum(parts.values()), **{f"{name}_loss": value for name, value in parts.items()}}
        return {name: Mean(jnp.sum(value * weight), jnp.sum(weight)) for name, value in values.items()}

    def combine(self, outputs: Array) -> Array:
        return jnp.mean(outputs, axis=0)

    def _parts(self, outputs: Array, targets: Content) -> dict[str, Array]:
        """Returns the parts of the loss of each image, [n]."""
        found, kept = features(self.weights, outputs), features(self.weights, targets.image)[CONTENT]
        style = sum(_mean(jnp.square(gram(found[layer]) - self.grams[layer])) for layer in LAYERS)
        rough = _mean(jnp.square(jnp.diff(outputs, axis=1))) + _mean(jnp.square(jnp.diff(outputs, axis=2)))
        return {
            "content": self.content * _mean(jnp.square(found[CONTENT] - kept)),
            "style": self.style * style,
            "smoothness": self.smoothness * rough,
        }


def _mean(x: Array) -> Array:
    return jnp.mean(x, axis=tuple(range(1, x.ndim)))


@functools.lru_cache(maxsize=2)
def style_of(file: str, weights: str) -> dict[str, np.ndarray]:
    """Returns the Gram matrices [c, c] of an image file, by layer; `weights` as of `read_weights`.

    Raises:
        UserError: there is no such image, or it cannot be read.
    """
    if not file:
        raise UserError("style_transfer.image must name a file: the image whose style others are to be given")
    try:
        image = decode(Path(file), 3)
    except Exception as error:  # whatever Pillow raises on broken bytes
        raise UserError(f"style_transfer.image: cannot read {file}: {error}") from error
    found = jax.jit(features)(read_weights(weights), image[None] / np.float32(255))
    return {layer: np.asarray(gram(x)[0]) for layer, x in found.items()}
