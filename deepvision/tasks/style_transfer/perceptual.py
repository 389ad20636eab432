"""The loss that an image in the style of another, with its own content, makes small."""

from __future__ import annotations

import dataclasses
import functools

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.tasks.style_transfer.features import Weights, features, gram
from deepvision.types import Array, Images


@functools.partial(
    jax.tree_util.register_dataclass,
    data_fields=("weights", "grams", "content", "style", "smoothness"),
    meta_fields=("layer", "average"),
)
@dataclasses.dataclass(frozen=True, eq=False)
class PerceptualLoss:
    """content |f(y) - f(x)|^2 + style sum_l |G_l(y) - G_l(s)|^2 + smoothness |grad y|^2, means over what is squared.

    f and f_l are features of VGG, G_l the Gram matrices of f_l, s the image of the style.

    Attributes:
        weights: of VGG.
        layer: f, of the content.
        grams: G_l(s), [c, c], by layer.
        content, style, smoothness: weights of the three.
        average: VGG pools by means.

    Source: Gatys et al. 2015 (1508.06576), equations 1-7; Johnson et al. 2016 (1603.08155), section 3.2.
    """

    weights: Weights
    layer: str
    grams: dict[str, np.ndarray]
    content: float
    style: float
    smoothness: float
    average: bool = False

    def kept(self, images: Images) -> Array:
        """Returns f(x), [n, h, w, c]."""
        return features(self.weights, images, (self.layer,), self.average)[self.layer]

    def parts(self, outputs: Images, kept: Array) -> dict[str, Array]:
        """Returns the three, weighted, of each image, [n]; `kept` is f(x)."""
        found = features(self.weights, outputs, (self.layer, *self.grams), self.average)
        style = sum(mean(jnp.square(gram(found[layer]) - wanted)) for layer, wanted in self.grams.items())
        rough = mean(jnp.square(jnp.diff(outputs, axis=1))) + mean(jnp.square(jnp.diff(outputs, axis=2)))
        return {
            "content": self.content * mean(jnp.square(found[self.layer] - kept)),
            "style": self.style * style,
            "smoothness": self.smoothness * rough,
        }


def grams_of(
    weights: Weights, image: np.ndarray, layers: tuple[str, ...], average: bool = False
) -> dict[str, np.ndarray]:
    """Returns the Gram matrices [c, c] of an image uint8 [h, w, 3], by layer."""
    return {layer: np.asarray(gram(x)[0]) for layer, x in encoded(weights, image, layers, average).items()}


def encoded(weights: Weights, image: np.ndarray, layers: tuple[str, ...], average: bool = False) -> dict[str, Array]:
    """Returns the features [1, h, w, c] of an image uint8 [h, w, 3], by layer; one program for all of one size."""
    return _encode(weights, image[None], layers, average)


def mean(x: Array) -> Array:
    """Returns the mean over all axes but the first."""
    return jnp.mean(x, axis=tuple(range(1, x.ndim)))


@functools.partial(jax.jit, static_argnames=("layers", "average"))
def _encode(weights: Weights, images: Images, layers: tuple[str, ...], average: bool) -> dict[str, Array]:
    return features(weights, images / jnp.float32(255), layers, average)
