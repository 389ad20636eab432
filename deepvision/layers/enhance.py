"""What networks that enlarge and restore images are made of: residual blocks whose sum stays linear, pixel shuffles.

Lim et al. 2017, "Enhanced deep residual networks for single image super-resolution" (1707.02921): figures 2(c) and 3.
Shi et al. 2016, "Real-time single image and video super-resolution using an efficient sub-pixel convolutional neural
network" (1609.05158).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import flax.linen as nn

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.blocks import residual
from deepvision.layers.units import ConvUnit
from deepvision.types import Images

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


class EnhanceUnit(nn.Module):
    """y = x + scaling attention(conv(act(conv(x)))): a residual unit without an activation behind its sum.

    Attributes:
        layers: the bound layers of the network.
        depth: place in the network, from 0 to 1.
        scaling: factor of the branch.
        use_bias: whether convolutions own a bias where no norm takes it.
    Source: Lim et al. 2017, figure 2(c) and section 3.3.
    """

    layers: BoundLayers
    depth: float
    scaling: float = 1.0
    use_bias: bool = True

    @nn.compact
    def __call__(self, x: Images) -> Images:
        return residual(self.layers, x, self._branch, depth=self.depth, activate=False, join=self._join)

    def _branch(self, x: Images) -> Images:
        c = x.shape[-1]
        y = ConvUnit(self.layers, c, 3, first=True, use_bias=self.use_bias, name="conv1")(x)
        return ConvUnit(self.layers, c, 3, last=True, use_bias=self.use_bias, name="conv2")(y)

    def _join(self, x: Images, y: Images) -> Images:
        return x + self.scaling * y


class SubPixelConv(nn.Module):
    """Convolutions whose channels become positions: [n, h, w, c] -> [n, scale h, scale w, features].

    Linear; a scale of 2^k takes k steps of 2, unless it is to take one, and any other a single one.

    Attributes:
        layers: the bound layers of the network.
        features: output channels, also of the steps between.
        scale: of the enlargement.
        direct: whether one step does it.
    Raises: UserError for a scale below 1.
    Source: Shi et al. 2016, equations 3 and 4.
    """

    layers: BoundLayers
    features: int
    scale: int
    direct: bool = False

    @nn.compact
    def __call__(self, x: Images) -> Images:
        if self.scale < 1:
            raise UserError(f"the scale of an enlargement must be at least 1, got {self.scale}")
        for index, step in enumerate(self._steps(), start=1):
            x = self.layers.conv(self.features * step**2, 3, linear=True, name=f"conv{index}")(x)
            x = ops.pixel_shuffle(x, step)
        return x

    def _steps(self) -> list[int]:
        doublings = self.scale.bit_length() - 1
        return [2] * doublings if self.scale == 2**doublings and not self.direct else [self.scale]
