"""The decoder of arbitrary style transfer: from features of VGG-19, with the statistics of a style, back to an image.

Huang & Belongie 2017, "Arbitrary style transfer in real-time with adaptive instance normalization" (1703.06868):
sections 6.1 and 7.1.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import close_stages
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration
from deepvision.types import Images


class AdaINDecoder(Restoration):
    """The stages of an encoder backwards: 3x3 convolutions on mirrored planes, and between stages a doubling.

    `adain_decoder`, from the features of VGG-19's relu4_1 for 256x256 pixels, 32x32x512: 3,505,219 parameters,
    15,816,720,384 multiply-accumulates. A doubling repeats each position. The paper has no norm here: batch norm would
    bring a batch, and instance norm every image, to one style, and their styles differ.

    Attributes:
        stage_sizes: convolutions of the encoder in front of every pooling, and behind the last.
        width: channels of the finest stage; each coarser one has twice as many.
    """

    num_classes: int = 3
    stage_sizes: tuple[int, ...] = (2, 2, 4, 1)
    width: int = 64
    layers: Layers = Layers(norm="none", act="relu")
    image_shape: tuple[int, int, int] = (32, 32, 512)

    @property
    def scale(self) -> int:
        return 2 ** (len(self.stage_sizes) - 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        unit = functools.partial(L.block(ConvUnit), L, padding=0)
        x, stages = self.drop_inputs(L, x), []
        for stage, size in reversed(list(enumerate(self.stage_sizes, start=1))):
            if stages:
                x = x.repeat(2, axis=1).repeat(2, axis=2)
            last = 2 if stage == 1 else 1  # of the finest stage, the very last is the head
            for index in range(size, last - 1, -1):
                features, first = self.width * 2 ** (stage - 1 - (index == 1)), not stages and index == size
                x = unit(features, 3, first=first, attend=index == last, name=f"conv{stage}_{index}")(_mirrored(x))
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages[::-1]
        x = L.dropout(name="dropout")(x)
        return L.conv(self.num_classes, 3, padding=0, name="head")(_mirrored(x)) if self.num_classes else x


def _mirrored(x: Images) -> Images:
    return jnp.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)], mode="reflect")


ADAIN_DECODERS = {"adain_decoder": AdaINDecoder}
