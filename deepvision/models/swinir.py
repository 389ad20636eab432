"""SwinIR: the blocks of Swin transformers at one resolution, in groups closed by a convolution.

Liang, Cao, Sun, Zhang, Van Gool & Timofte 2021, "SwinIR: image restoration using Swin transformer" (2108.10257): figure
2, table 3.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import numpy as np

from deepvision import ops
from deepvision.layers.bound import BoundLayers
from deepvision.layers.enhance import SubPixelConv
from deepvision.layers.layers import Layers
from deepvision.layers.positions import resize_square_table
from deepvision.layers.transformer import close_transformer
from deepvision.models.restoration import Restoration
from deepvision.models.swin import PAPER, SwinBlock
from deepvision.types import Images, Shape


class SwinGroup(nn.Module):
    """y = x + conv(blocks(x)). Source: Liang et al. 2021, equations 5 and 6.

    Attributes:
        layers: the bound layers of the network.
        depths: place of each block in the network, from 0 to 1.
        heads, window, ratio: of the blocks; see `SwinBlock`.
    """

    layers: BoundLayers
    depths: tuple[float, ...]
    heads: int
    window: int
    ratio: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        y = self.layers.chain((self._block(index, depth) for index, depth in enumerate(self.depths)), x)
        return x + self.layers.conv(x.shape[-1], 3, linear=True, name="conv")(y)

    def _block(self, index: int, depth: float) -> SwinBlock:
        shifted = index % 2 == 1
        return SwinBlock(self.layers, self.heads, self.window, shifted, self.ratio, depth, name=f"block{index}")


class SwinIR(Restoration):
    """A convolution, groups of transformer blocks beside a long shortcut, one sub-pixel convolution: the light form.

    From 64x64x3 (PSNR on Set5, table 3):

        name             parameters  MACs           PSNR
        swinir_light_x2     910,152  4,282,859,520  38.14
        swinir_light_x3     918,267  4,316,037,120  34.62
        swinir_light_x4     929,628  4,362,485,760  32.44

    The table counts 878K, 886K and 897K: without the convolution behind the groups. An image whose sides no windows
    tile is continued by its reflection. The authors subtract the mean color of their data and add it again, which
    belongs to the data and not to the network.

    Attributes:
        scale: of the enlargement.
        stage_sizes: blocks per group.
        width: channels.
        head_width: channels of an attention head.
        window: positions on the side of a window.
        ratio: hidden units of the perceptrons per channel.
    """

    num_classes: int = 3
    scale: int = 2
    stage_sizes: tuple[int, ...] = (6, 6, 6, 6)
    width: int = 60
    head_width: int = 10
    window: int = 8
    ratio: float = 2.0
    layers: Layers = PAPER.replace({"drop_path": 0.1})
    image_shape: tuple[int, int, int] = (64, 64, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L, (height, width) = self.layers.bind(train), x.shape[1:3]
        x = ops.pad_to_multiple(self.drop_inputs(L, x), self.window, mode="reflect")
        x = L.conv(self.width, 3, linear=True, name="conv1")(x)
        x = x + L.conv(self.width, 3, linear=True, name="conv2")(self._body(L, x))
        if pyramid:
            return [x]
        x = L.dropout(name="dropout")(x)
        if not self.num_classes:
            return x
        y = SubPixelConv(L, self.num_classes, self.scale, direct=True, name="head")(x)
        return y[:, : self.scale * height, : self.scale * width]

    def _body(self, layers: BoundLayers, x: Images) -> Images:
        x = layers.norm(name="patch_norm")(x)
        places = np.linspace(0, 1, sum(self.stage_sizes)).tolist()
        block, groups, heads = layers.block(SwinGroup), [], self.width // self.head_width
        for group, blocks in enumerate(self.stage_sizes):
            depths, places = tuple(places[:blocks]), places[blocks:]
            groups.append(block(layers, depths, heads, self.window, self.ratio, name=f"group{group}"))
        x = layers.chain(groups, x)
        return close_transformer(layers, x)

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> np.ndarray | None:
        """See `Network`: tables of relative positions, for another window."""
        return resize_square_table(value, shape) if path.endswith("relative_positions") else None


SWINIRS = {f"swinir_light_x{scale}": functools.partial(SwinIR, scale=scale) for scale in (2, 3, 4)}
