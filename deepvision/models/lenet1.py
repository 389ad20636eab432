"""The first LeNet: H1, H2, H3 and the output, on 16x16.

LeCun, Boser, Denker, Henderson, Howard, Hubbard & Jackel 1989, "Backpropagation applied to handwritten zip code
recognition": section 3, figure 3.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages, flatten
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Images

# For each map of H2 the eight maps of H1 that it sees. The paper's scheme "will not be described here"; these blocks,
# in which each two groups of four maps meet, are what Karpathy's reproduction of 2022 assumes.
H2_CONNECTIONS = (
    *(tuple(range(0, 8)),) * 4,
    *(tuple(range(4, 12)),) * 4,
    *((*range(0, 4), *range(8, 12)),) * 4,
)


class LeNet1(Network):
    """Two convolutions at stride 2 and two dense layers.

    `lenet1` on 16x16x1: 1,256 units with the inputs, 64,660 connections (63,660 multiply-accumulates, and a bias per
    unit), 9,760 parameters, as the paper counts them; 5.0 % error on its 2,007 test digits. The weights of a map are
    shared, but every unit owns its bias, which binds the parameters to the size of the image. Around images and maps
    lies a background of -1. The paper squashes the ten outputs, too, which does not change the largest; here they are
    logits.
    """

    num_classes: int = 10
    layers: Layers = Layers(norm="none", act="scaled_tanh", paper_init="fan_in_uniform")
    image_shape: tuple[int, int, int] = (16, 16, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        _check(self.layers)
        x = L.input_dropout(name="input_dropout")(x)
        halves = dict(kernel=5, stride=2, padding=0, untied_bias=True, attend=True)
        h1 = L.block(ConvUnit)(L, 12, **halves, first=True, name="h1")(_in_background(x))
        h2 = L.block(ConvUnit)(L, 12, **halves, connections=H2_CONNECTIONS, name="h2")(_in_background(h1))
        h2 = close_stages(L, h2)
        if pyramid:
            return [h1, h2]
        h3 = L.block(DenseUnit)(L, 30, name="h3")(L.dropout(name="dropout")(flatten(h2)))
        return L.dense(self.num_classes, name="head")(h3) if self.num_classes else h3


def _in_background(x: Images) -> Images:
    """Returns planes with a margin as wide as half of a 5x5 window."""
    return jnp.pad(x, [(0, 0), (2, 2), (2, 2), (0, 0)], constant_values=-1)


def _check(layers: Layers) -> None:
    """Refuses what the connections of H2 have no room for."""
    if layers.bind(train=False).act_width != 1:
        raise UserError(
            f"act {layers.act} changes the width, and lenet1 connects each map of H2 to 8 of 12 maps: use lenet5_modern"
        )


LENETS_1989 = {"lenet1": LeNet1}
