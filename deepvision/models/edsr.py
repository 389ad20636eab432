"""EDSR: residual networks for super-resolution, without normalization.

Lim, Son, Kim, Nah & Lee 2017, "Enhanced deep residual networks for single image super-resolution" (1707.02921): figure
3, table 1.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision.layers.bound import BoundLayers
from deepvision.layers.enhance import EnhanceUnit, SubPixelConv
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration
from deepvision.types import Images


class EDSR(Restoration):
    """A convolution, residual units beside a long shortcut, sub-pixel convolutions, a last convolution.

    From 48x48x3 (PSNR on Set5; of the baselines as quoted for the released ones, of `edsr_x2` from table 5):

        name              parameters  MACs            PSNR
        edsr_baseline_x2   1,369,859   3,162,488,832  37.99
        edsr_baseline_x3   1,554,499   3,607,068,672  34.37
        edsr_baseline_x4   1,517,571   4,569,219,072  32.09
        edsr_x2           40,729,603  93,847,486,464  38.11

    The paper takes batch norm out of the units of SRResNet; a norm that is put back stands behind every convolution of
    the body. The authors shift images by their data's mean color, which belongs to the data and not to the network.

    Attributes:
        scale: of the enlargement.
        depth: residual units.
        width: channels.
        scaling: factor of the residual branches.
    """

    num_classes: int = 3
    scale: int = 2
    depth: int = 16
    width: int = 64
    scaling: float = 1.0
    layers: Layers = Layers(norm="none", act="relu")
    image_shape: tuple[int, int, int] = (48, 48, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = self.drop_inputs(L, x)
        x = L.conv(self.width, 3, linear=True, name="conv1")(x)
        x = x + self._body(L, x)
        if pyramid:
            return [x]
        x = SubPixelConv(L, self.width, self.scale, name="enlarge")(x)
        x = L.dropout(name="dropout")(x)
        return L.conv(self.num_classes, 3, linear=True, name="head")(x) if self.num_classes else x

    def _body(self, layers: BoundLayers, x: Images) -> Images:
        block = layers.block(EnhanceUnit)
        depths = [index / max(self.depth - 1, 1) for index in range(self.depth)]
        units = (block(layers, depth, self.scaling, name=f"block{index}") for index, depth in enumerate(depths))
        x = layers.chain(units, x)
        return ConvUnit(layers, self.width, 3, last=True, name="conv2")(x)


EDSRS = {
    **{f"edsr_baseline_x{scale}": functools.partial(EDSR, scale=scale) for scale in (2, 3, 4)},
    "edsr_x2": functools.partial(EDSR, depth=32, width=256, scaling=0.1),
}
