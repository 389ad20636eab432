"""U-Net with any network of the zoo for its contracting path.

Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation" (1505.04597): figure 1, for
the expansive path; Iglovikov & Shvets 2018, "TernausNet: U-Net with VGG11 encoder pre-trained on ImageNet for image
segmentation" (1801.05746), for the encoder.
"""

from __future__ import annotations

import functools
from collections.abc import Mapping
from typing import Any, ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images, Shape


class EncoderUNet(Network):
    """The feature pyramid of a network, and beside it, from coarse to fine, two 3x3 convolutions at every resolution.

        y_last = stage_last;    y_i = convolutions([stage_i, y_(i + 1) interpolated to its size])

    `unet`, with ResNet-18 at 224x224x3 and 21 classes: 14,276,245 parameters, 3,205,042,176 multiply-accumulates.

    A level has as many channels as the encoder has there. Its inputs are interpolated linearly, with no parameters, so
    that images of every size fit that the encoder takes; so are the logits, a 1x1 convolution at the finest resolution
    of the pyramid, to the size of the image. The pyramid is that of the expansive path; without classes, the features
    are those in front of the last convolution. Attention closes every level.

    Attributes:
        encoder: name of a network of the zoo that has features at several resolutions.
        encoder_overrides: its fields, such as {"small_images": True}.
        layers: of the encoder and the expansive path; None: those of the encoder's paper.
    Raises: UserError for an encoder that is none.
    """

    dense: ClassVar[bool] = True

    num_classes: int = 21
    encoder: str = "resnet18"
    encoder_overrides: Mapping[str, Any] | tuple[tuple[str, Any], ...] = ()
    layers: Layers | None = None

    def __post_init__(self) -> None:
        overrides = dict(self.encoder_overrides).items()
        self.encoder_overrides = tuple((field, tuple(v) if isinstance(v, list) else v) for field, v in overrides)
        self.paper_encoder = _encoder(self.encoder, self.encoder_overrides)  # no part of this network
        if self.layers is None:
            self.layers = self.paper_encoder.layers
        super().__post_init__()

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L, (height, width) = self.layers.bind(train), x.shape[1:3]
        encoder = self.paper_encoder.clone(layers=self.layers, parent=self, name="encoder")
        *finer, x = encoder(x, train, pyramid=True)
        if not finer or x.ndim != 4:
            raise UserError(f"encoder {self.encoder!r} has no planes of features at several resolutions; name another")
        stages = [x]
        for level in range(len(finer), 0, -1):
            x = self._level(L, level, finer[level - 1], x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages[::-1]
        x = L.dropout(name="dropout")(x)
        if not self.num_classes:
            return x
        return ops.resize_bilinear(L.conv(self.num_classes, 1, name="head")(x), height, width)

    def _level(self, layers: BoundLayers, level: int, stage: Images, x: Images) -> Images:
        """Returns what a level makes of the encoder's stage and what the coarser level gave."""
        x = jnp.concatenate([stage, ops.resize_bilinear(x, *stage.shape[1:3])], axis=-1)
        for index in (1, 2):
            unit = layers.block(ConvUnit)(layers, stage.shape[-1], 3, attend=index == 2, name=f"expand{level}_{index}")
            x = unit(x)
        return x

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> np.ndarray | None:
        """See `Network`: as the encoder has it."""
        return self.paper_encoder.resized(path.removeprefix("encoder/"), value, shape)


@functools.cache
def _encoder(name: str, overrides: tuple[tuple[str, Any], ...]) -> Network:
    """Returns a network of the zoo without its classifier."""
    from deepvision.models import create_model  # which knows this file

    encoder = create_model(name, 0, overrides=dict(overrides))
    if encoder.dense:
        raise UserError(f"encoder {name!r} is itself a network for every pixel; name one that classifies")
    return encoder


ENCODER_UNETS = {"unet": EncoderUNet}
