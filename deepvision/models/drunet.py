"""DRUNet: a U-Net of residual units that is told how much noise there is.

Zhang, Li, Zuo, Zhang, Van Gool & Timofte 2020, "Plug-and-play image restoration with deep denoiser prior" (2008.13751):
figure 1, section 3.1, tables 1 and 2.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.enhance import EnhanceUnit
from deepvision.layers.layers import Layers
from deepvision.models.restoration import Restoration
from deepvision.types import Images


class DRUNet(Restoration):
    """Levels of residual units, 2x2 convolutions of stride 2 down, transposed ones up; both paths meet in sums.

    The last channel that enters is the standard deviation of the noise at every pixel, in units of the image. At 64x64
    (mean PSNR on BSD68 and CBSD68 at noise of 25 of 255):

        name          parameters  MACs           PSNR
        drunet_gray   32,638,656  8,664,121,344  29.48
        drunet_color  32,640,960  8,673,558,528  31.69

    Nothing owns a bias, so that without norms the network is homogeneous: twice the image and twice the noise give
    twice the result. An image whose sides do not halve at every level is continued by its last row and column. The
    pyramid is that of the way up.

    Attributes:
        depth: residual units per level and path.
        widths: channels of the levels, finest first.
    """

    condition: ClassVar[str] = "noise"

    num_classes: int = 1
    depth: int = 4
    widths: tuple[int, ...] = (64, 128, 256, 512)
    layers: Layers = Layers(norm="none", act="relu", paper_init="orthogonal(scale=0.2)")
    image_shape: tuple[int, int, int] = (64, 64, 2)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L, (height, width) = self.layers.bind(train), x.shape[1:3]
        lowest = len(self.widths)
        x = ops.pad_to_multiple(self.drop_inputs(L, x), 2 ** (lowest - 1))
        x = L.conv(self.widths[0], 3, use_bias=False, linear=True, name="conv1")(x)
        entered = [x]
        for level in range(1, lowest):
            x = self._units(L, x, f"contract{level}", level - 1)
            x = L.conv(self.widths[level], 2, 2, padding=0, use_bias=False, linear=True, name=f"down{level}")(x)
            entered.append(x)
        x = self._units(L, x, f"contract{lowest}", lowest - 1)
        stages = [x]
        for level in range(lowest - 1, 0, -1):
            x = x + entered[level]
            x = L.conv_transpose(self.widths[level - 1], 2, 2, use_bias=False, linear=True, name=f"up{level}")(x)
            x = self._units(L, x, f"expand{level}", 2 * lowest - 1 - level)
            stages.append(x)
        stages[-1] = x = close_stages(L, x + entered[0])
        if pyramid:
            return stages[::-1]
        x = L.dropout(name="dropout")(x)
        if not self.num_classes:
            return x
        return L.conv(self.num_classes, 3, use_bias=False, linear=True, name="head")(x)[:, :height, :width]

    def _units(self, layers: BoundLayers, x: Images, name: str, place: int) -> Images:
        """Returns what the residual units of a level make of x; `place`: of the level along both paths, from 0."""
        last = (2 * len(self.widths) - 1) * self.depth - 1
        unit = functools.partial(layers.block(EnhanceUnit), layers, use_bias=False)
        depths = [(place * self.depth + index) / max(last, 1) for index in range(self.depth)]
        return layers.chain((unit(depth, name=f"{name}_{index}") for index, depth in enumerate(depths, start=1)), x)


DRUNETS = {
    "drunet_gray": DRUNet,
    "drunet_color": functools.partial(DRUNet, num_classes=3, image_shape=(64, 64, 4)),
}
