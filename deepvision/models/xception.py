"""Xception: inception modules taken to the extreme, which are depthwise separable convolutions.

Chollet 2016, "Xception: deep learning with depthwise separable convolutions" (1610.02357): figure 5, tables 1 and 3,
section 4.5.
"""

from __future__ import annotations

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages, residual
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import scaled
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import run_stages
from deepvision.layers.pooling import Window
from deepvision.layers.residual import projection
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images


class SeparableUnit(ConvUnit):
    """A `ConvUnit` whose convolution is a 3x3 one of every channel for itself, and a 1x1 one directly behind it.

    Nothing stands between the two, and what the second adds serves both: the first owns no bias.
    """

    kernel: int = 1

    def _transform(self, x: Images) -> Images:
        channels = x.shape[-1]
        depthwise = self.layers.conv(channels, 3, groups=channels, use_bias=False, linear=True, name="depthwise")
        return super()._transform(depthwise(x))


class Block(nn.Module):
    """y = shortcut(x) + branch(act(x)), the branch of separable convolutions, and a pooling where it has a stride.

    Norms stand behind the convolutions and activations in front of them, also of the first. Under placement `pre`
    both open the block, and every convolution.

    Attributes:
        layers: the bound layers of the network.
        features: output channels of every convolution.
        stride: of the pooling; 1: none.
        depth: place in the network, from 0 to 1.
        activated: whether x comes from an activation, so that none opens the branch.
    Source: figure 5.
    """

    layers: BoundLayers
    features: tuple[int, ...]
    stride: int
    depth: float
    activated: bool

    @nn.compact
    def __call__(self, x: Images) -> Images:
        features = self.features[-1]
        fits = self.stride == 1 and x.shape[-1] == features
        shortcut = None if fits else projection(self.layers, features, self.stride)
        return residual(self.layers, x, self._branch, shortcut, depth=self.depth, activate=False)

    def _branch(self, x: Images) -> Images:
        L = self.layers
        if not (self.activated or L.placement == "pre"):
            x = L.act(name="act")(x)
        for number, features in enumerate(self.features, start=1):
            last = number == len(self.features)
            pool = Window(3, self.stride, padding=1) if last and self.stride > 1 else None
            x = SeparableUnit(L, features, first=number == 1, last=last, pool=pool, name=f"conv{number}")(x)
        return x


class Xception(Network):
    """Entry flow, middle flow, exit flow: a stem, twelve residual blocks and two separable convolutions, classifier.

    At 299x299x3 and 1000 classes (single-crop top-1 / top-5 error of table 1):

        name       parameters    MACs            error
        xception   22,855,952    8,357,403,496   21.0 / 5.5

    Attributes:
        entry: channels of the blocks of the entry flow, of which each halves the sides.
        middle: blocks of the middle flow.
        width: factor of all channels but those of the images.
        small_images: the stem and the first block keep the size of the images: those of 32x32 end at 4x4.
    """

    entry: tuple[int, ...] = (128, 256, 728)
    middle: int = 8
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(norm="batch", act="relu", dropout=0.5)
    image_shape: tuple[int, int, int] = (299, 299, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stride, inside = (1, None) if self.small_images else (2, 0)
        x = ConvUnit(L, scaled(32, self.width), 3, stride, padding=inside, first=True, name="conv1")(x)
        x = ConvUnit(L, scaled(64, self.width), 3, padding=inside, name="conv2")(x)
        blocks = (
            (self._block(L, features, stride, number), stride if number > 1 else 1)
            for number, (features, stride) in enumerate(self._blocks(), start=1)
        )
        *stages, x = run_stages(L, x, blocks)
        x = SeparableUnit(L, scaled(1536, self.width), name="conv3")(x)
        x = SeparableUnit(L, scaled(2048, self.width), name="conv4")(x)
        stages.append(close_stages(L, x))
        return stages if pyramid else Head(L, self.num_classes, name="head")(stages[-1])

    def _blocks(self) -> list[tuple[tuple[int, ...], int]]:
        """Returns channels and stride of every block."""
        entry = [((features, features), 2) for features in self.entry]
        if self.small_images:
            entry[0] = (entry[0][0], 1)
        widest = self.entry[-1]
        return [*entry, *[((widest,) * 3, 1)] * self.middle, ((widest, 1024), 2)]

    def _block(self, layers: BoundLayers, features: tuple[int, ...], stride: int, number: int) -> Block:
        return layers.block(Block)(
            layers,
            tuple(scaled(one, self.width) for one in features),
            stride,
            depth=(number - 1) / (len(self.entry) + self.middle),
            activated=number == 1,
            name=f"block{number}",
        )


XCEPTIONS = {
    "xception": Xception,
}
