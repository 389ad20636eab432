"""RCAN: residual units with channel attention, in groups that are residual themselves.

Zhang, Li, Li, Wang, Zhong & Fu 2018, "Image super-resolution using very deep residual channel attention networks"
(1807.02758): figures 2-4, table 2.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision.layers.bound import BoundLayers
from deepvision.layers.enhance import EnhanceUnit
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.edsr import EDSR
from deepvision.types import Images


class ResidualGroup(nn.Module):
    """y = x + conv(units(x)). Source: Zhang et al. 2018, equation 5.

    Attributes:
        layers: the bound layers of the network.
        depths: place of each unit in the network, from 0 to 1.
        scaling: factor of the units' branches.
    """

    layers: BoundLayers
    depths: tuple[float, ...]
    scaling: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L = self.layers
        units = (EnhanceUnit(L, depth, self.scaling, name=f"block{index}") for index, depth in enumerate(self.depths))
        y = L.chain(units, x)
        return x + ConvUnit(self.layers, x.shape[-1], 3, last=True, name="conv")(y)


class RCAN(EDSR):
    """EDSR with groups of units for its body, and channel attention at the end of every unit's branch.

    From 48x48x3 (PSNR on Set5, table 2):

        name     parameters  MACs            PSNR
        rcan_x2  15,444,643  35,267,891,200  38.27
        rcan_x3  15,629,283  35,712,471,040  34.74
        rcan_x4  15,592,355  36,674,621,440  32.63

    Attention is squeeze and excitation with c / 16 hidden units. The authors subtract the mean color of their data and
    add it again, by 24 fixed parameters more; that belongs to the data and not to the network.

    Attributes:
        groups: of units.
        depth: units per group.
        scale, width, scaling: see `EDSR`.
    """

    groups: int = 10
    depth: int = 20
    layers: Layers = Layers(norm="none", act="relu", attention="se")

    def _body(self, layers: BoundLayers, x: Images) -> Images:
        last = max(self.groups * self.depth - 1, 1)
        block, groups = layers.block(ResidualGroup), []
        for group in range(self.groups):
            depths = tuple((group * self.depth + index) / last for index in range(self.depth))
            groups.append(block(layers, depths, self.scaling, name=f"group{group}"))
        x = layers.chain(groups, x)
        return ConvUnit(layers, self.width, 3, last=True, name="conv2")(x)


RCANS = {f"rcan_x{scale}": functools.partial(RCAN, scale=scale) for scale in (2, 3, 4)}
