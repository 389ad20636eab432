"""RegNet: the networks of a design space whose widths are a line, quantized.

Radosavovic et al. 2020, "Designing network design spaces" (2003.13678): section 3.3, equations 2-4, figures 4 and 16.
"""

from __future__ import annotations

import collections
import functools

import flax.linen as nn
import numpy as np

from deepvision.layers.blocks import Head, close_stages, residual
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import divisible, places
from deepvision.layers.residual import projection
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images


def stages_of(depth: int, initial: int, slope: float, ratio: float, group_width: int) -> tuple[tuple[int, int], ...]:
    """Returns the width and the number of blocks of every stage.

        u_j = w_0 + w_a j,   s_j = round(log_m(u_j / w_0)),   w_j = w_0 m^(s_j)          for j = 0 ... depth - 1

    rounded to multiples of 8 and then of the group width; blocks of equal width are a stage.

    Args:
        depth: blocks of the network.
        initial: w_0, the width of the first.
        slope: w_a, above 0.
        ratio: w_m, of the widths of neighbouring stages, above 1.
        group_width: channels per group of the 3x3 convolutions.
    Source: equations 2-4 and section 3.3.
    """
    line = initial + slope * np.arange(depth)
    steps = np.round(np.log(line / initial) / np.log(ratio))
    widths, counts = np.unique(np.round(initial * ratio**steps / 8) * 8, return_counts=True)
    fits = [divisible(width, min(group_width, int(width))) for width in widths]
    return tuple(zip(fits, counts.tolist(), strict=True))


class YBlock(nn.Module):
    """1x1, grouped 3x3 with squeeze and excitation, and 1x1 convolution of one width, on a residual branch.

    Attributes:
        layers: the bound layers of the network.
        features: channels of all three.
        group_width: channels per group of the 3x3 convolution.
        stride: of the 3x3 convolution.
        depth: place in the network, from 0 to 1.
    Source: figure 4; with squeeze and excitation, to a quarter of the channels that enter the block, section 4.
    """

    layers: BoundLayers
    features: int
    group_width: int
    stride: int
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        fits = self.stride == 1 and x.shape[-1] == self.features
        shortcut = None if fits else projection(self.layers, self.features, self.stride)
        return residual(self.layers, x, self.branch, shortcut, depth=self.depth, attend=False)

    def branch(self, x: Images) -> Images:
        L, groups, squeeze = self.layers, self.features // min(self.group_width, self.features), round(x.shape[-1] / 4)
        x = ConvUnit(L, self.features, 1, first=True, name="conv1")(x)
        x = ConvUnit(L, self.features, 3, self.stride, groups=groups, attend=True, hidden=squeeze, name="conv2")(x)
        return ConvUnit(L, self.features, 1, last=True, name="conv3")(x)


class RegNetY(Network):
    """A 3x3 stem, four stages of residual bottlenecks without a bottleneck, and a classifier.

    At 224x224x3 and 1000 classes (top-1 error of figure 16):

        name             parameters   MACs             error
        regnet_y_400mf    4,344,144      401,842,848   25.9
        regnet_y_800mf    6,432,512      833,856,256   23.7
        regnet_y_1_6gf   11,202,430    1,612,076,160   22.0
        regnet_y_3_2gf   19,436,338    3,176,482,752   21.0
        regnet_y_8gf     39,381,472    8,473,070,592   20.1
        regnet_y_16gf    83,590,140   15,911,510,272   19.6

    The name says how many multiply-accumulates there are about. `attention="none"` gives the block of RegNetX.

    Attributes:
        blocks, initial, slope, ratio: the line of the widths; see `stages_of`.
        group_width: channels per group of the 3x3 convolutions.
        stem: channels of the stem.
        small_images: the stem and the first stage keep the size of the image: strides 8 in all, not 32.
    """

    blocks: int = 16
    initial: int = 48
    slope: float = 27.89
    ratio: float = 2.09
    group_width: int = 8
    stem: int = 32
    small_images: bool = False
    layers: Layers = Layers(norm="batch", act="relu", attention="se", paper_init="he_normal(mode='fan_out')")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = ConvUnit(L, self.stem, 3, 1 if self.small_images else 2, stem=True, name="conv1")(x)
        stages = collections.defaultdict(list)
        rows = stages_of(self.blocks, self.initial, self.slope, self.ratio, self.group_width)
        for place in places(self.stem, [(width, count, 2) for width, count in rows], self.small_images):
            block = L.block(YBlock)(L, place.features, self.group_width, place.stride, place.depth, name=place.name)
            stages[place.stage].append(block)
        *finer, x = [x := L.chain(blocks, x) for blocks in stages.values()]
        x = close_stages(L, x)
        return [*finer, x] if pyramid else Head(L, self.num_classes, name="head")(x)


REGNETS = {
    "regnet_y_400mf": RegNetY,
    "regnet_y_800mf": functools.partial(RegNetY, blocks=14, initial=56, slope=38.84, ratio=2.4, group_width=16),
    "regnet_y_1_6gf": functools.partial(RegNetY, blocks=27, initial=48, slope=20.71, ratio=2.65, group_width=24),
    "regnet_y_3_2gf": functools.partial(RegNetY, blocks=21, initial=80, slope=42.63, ratio=2.66, group_width=24),
    "regnet_y_8gf": functools.partial(RegNetY, blocks=17, initial=192, slope=76.82, ratio=2.19, group_width=56),
    "regnet_y_16gf": functools.partial(RegNetY, blocks=18, initial=200, slope=106.23, ratio=2.48, group_width=112),
}
