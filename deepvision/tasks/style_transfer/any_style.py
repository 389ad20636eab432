"""Any style: one decoder is trained for all of them, and is given features with the statistics of a style.

Huang & Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance normalization" (1703.06868).
"""

from __future__ import annotations

import dataclasses
import functools
import zlib
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from ml_collections import ConfigDict

from deepvision import ops
from deepvision.errors import UserError
from deepvision.models.network import Network
from deepvision.tasks.style_transfer.base import Transfer, check
from deepvision.tasks.style_transfer.features import Weights, features, read_weights
from deepvision.tasks.style_transfer.perceptual import encoded, mean
from deepvision.tasks.style_transfer.styles import read_style, style_files
from deepvision.tasks.task import Batch
from deepvision.types import Array, Images, Key, Shape

STYLE = ("relu1_1", "relu2_1", "relu3_1", "relu4_1")
CONTENT = "relu4_1"
SCALE = 8  # pixels per position of it
_EPSILON = 1e-5

Moments = tuple[Array, Array]  # mean and standard deviation, [n, c]


class Aligned(NamedTuple):
    """What the features of an image should be.

    Attributes:
        features: those of `CONTENT`, [n, h, w, c], which entered the decoder.
        style: the moments of those of `STYLE`, by layer.
    """

    features: Array
    style: dict[str, Moments]


def moments(x: Array) -> Moments:
    """Returns mean and standard deviation over positions, [n, c] each, of features [n, h, w, c]."""
    center, variance = ops.moments(x, (1, 2))
    return center[:, 0, 0], jnp.sqrt(variance[:, 0, 0] + _EPSILON)


def adain(x: Array, style: Moments) -> Array:
    """Returns features [n, h, w, c] with the moments of a style: s_std (x - mean) / std + s_mean.

    Source: Huang & Belongie 2017, equation 8.
    """
    center, deviation, s_center, s_deviation = (m[:, None, None] for m in (*moments(x), *style))
    return (x - center) * (s_deviation / deviation) + s_center


@dataclasses.dataclass(frozen=True, eq=False)
class ArbitraryStyleTransfer(Transfer):
    """content |f(g(t)) - t|^2 + style sum_l |mean f_l(g(t)) - mean f_l(s)|^2 + |std f_l(g(t)) - std f_l(s)|^2.

    g is the decoder that learns, t = alpha adain(f(x), f(s)) + (1 - alpha) f(x) is what it is given, f and f_l are
    features of a VGG that does not learn; alpha is 1 in training. Means over what is squared. Sides are continued to
    multiples of 8 by mirroring. Training draws a style for every image; evaluation takes always the same for an image.

    Attributes:
        weights: of VGG.
        styles: the moments [styles, c] of f_l, by layer. Those of whole images, where the paper takes random squares.
        alpha: how much of the style, from 0 to 1.
        content, style: weights of the two.

    Source: Huang & Belongie 2017, equations 8 and 11-14.
    """

    weights: Weights
    styles: dict[str, Moments]
    alpha: float
    content: float
    style: float

    @classmethod
    def configured(cls, config: ConfigDict, loss: ConfigDict, model: Network) -> ArbitraryStyleTransfer:
        """Makes the task from a config and what the network says of itself.

        Raises:
            UserError: the two do not fit together, or there is no image of a style.
        """
        check(config, model, SCALE, f"a network that enlarges {SCALE} times what it is given")
        section = config.style_transfer
        if not 0 <= section.alpha <= 1:
            raise UserError(f"style_transfer.alpha must be in [0, 1], got {section.alpha}")
        if section.smoothness:
            raise UserError(f"style_transfer.smoothness has no part in the loss of task {config.task}: set it to 0")
        return cls(
            weights=read_weights(section.weights, section.network, STYLE),
            styles=_moments_of(section.image, section.image_size, section.weights, section.network),
            alpha=section.alpha,
            content=section.content,
            style=section.style,
        )

    @property
    def count(self) -> int:
        """How many styles there are."""
        return len(self.styles[CONTENT][0])

    def input_shape(self, image_shape: Shape) -> Shape:
        height, width = (-(-side // SCALE) for side in image_shape[:2])
        return height, width, self.weights[-1][-1][0].shape[-1]

    def on_host(self, example: dict[str, np.ndarray], name: str) -> dict[str, np.ndarray]:
        """Returns an example of evaluation with the number of its style at every pixel, "style" int32 [h, w, 1]."""
        number = zlib.crc32(name.encode()) % self.count
        return {**example, "style": np.full((*example["image"].shape[:2], 1), number, np.int32)}

    def prepare(self, batch: Batch, key: Key | None, train: bool) -> tuple[Array, Aligned]:
        images = ops.pad_to_multiple(batch["image"], SCALE, mode="symmetric")
        numbers = self._drawn(key, len(images)) if train else batch["style"][:, 0, 0, 0]
        style = {layer: tuple(jnp.asarray(m)[numbers] for m in both) for layer, both in self.styles.items()}
        found = self._content(images)
        alpha = 1.0 if train else self.alpha
        wanted = alpha * adain(found, style[CONTENT]) + (1 - alpha) * found
        return wanted, Aligned(wanted, style)

    def parts(self, outputs: Array, targets: Aligned) -> dict[str, Array]:
        found = features(self.weights, outputs, STYLE)
        style = 0.0
        for layer, (center, deviation) in targets.style.items():
            ours = moments(found[layer])
            style += mean(jnp.square(ours[0] - center)) + mean(jnp.square(ours[1] - deviation))
        return {
            "content": self.content * mean(jnp.square(found[CONTENT] - targets.features)),
            "style": self.style * style,
        }

    def _content(self, images: Images) -> Array:
        return features(self.weights, images, (CONTENT,))[CONTENT]

    def _drawn(self, key: Key, n: int) -> Array:
        """Returns the numbers of the styles of a batch, int32 [n], each with the same probability."""
        return jax.vmap(lambda one: jax.random.randint(one, (), 0, self.count))(ops.example_keys(key, n))


@functools.lru_cache(maxsize=2)
def _moments_of(path: str, size: int | None, weights: str, network: str) -> dict[str, Moments]:
    """Returns the moments [styles, c] of the features of every image of a file or folder, by layer."""
    vgg, found = read_weights(weights, network, STYLE), {layer: [] for layer in STYLE}
    for file in style_files(path):
        for layer, x in encoded(vgg, read_style(file, size), STYLE).items():
            found[layer].append([np.asarray(m[0]) for m in moments(x)])
    return {layer: tuple(map(np.stack, zip(*pairs, strict=True))) for layer, pairs in found.items()}
