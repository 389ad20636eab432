"""LeNet-5: as its paper has it, and as it is drawn since.

LeCun, Bottou, Bengio & Haffner 1998, "Gradient-based learning applied to document recognition": section II.B,
figure 2, table I.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages, flatten
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

C3_CONNECTIONS = (  # table I: for each map of C3, the maps of S2 it sees
    *((i, (i + 1) % 6, (i + 2) % 6) for i in range(6)),
    *((i, (i + 1) % 6, (i + 2) % 6, (i + 3) % 6) for i in range(6)),
    *((0, 1, 3, 4), (1, 2, 4, 5), (0, 2, 3, 5)),
    (0, 1, 2, 3, 4, 5),
)

# Figure 3: the ten digits as stylized characters, 7 wide and 12 high; redrawn here, since the paper prints no numbers.
DIGITS = """
    ..###..  ...#...  .#####.  .#####.  .....#.  #######  ..####.  #######  .#####.  .#####.
    .#...#.  ..##...  #.....#  #.....#  ....##.  #......  .#.....  #.....#  #.....#  #.....#
    #.....#  .#.#...  ......#  ......#  ...#.#.  #......  #......  ......#  #.....#  #.....#
    #.....#  ...#...  ......#  ......#  ..#..#.  #......  #......  .....#.  #.....#  #.....#
    #.....#  ...#...  .....#.  .....#.  .#...#.  #.####.  #.###..  .....#.  .#...#.  #.....#
    #.....#  ...#...  ....#..  ..###..  #....#.  ##....#  ##...#.  ....#..  ..###..  .######
    #.....#  ...#...  ...#...  .....#.  #######  ......#  #.....#  ....#..  .#...#.  ......#
    #.....#  ...#...  ..#....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
    #.....#  ...#...  .#.....  ......#  .....#.  ......#  #.....#  ...#...  #.....#  ......#
    #.....#  ...#...  #......  ......#  .....#.  ......#  #.....#  ..#....  #.....#  ......#
    .#...#.  ...#...  #......  #.....#  .....#.  #.....#  .#...#.  ..#....  #.....#  .....#.
    ..###..  .#####.  #######  .#####.  .....#.  .#####.  ..###..  ..#....  .#####.  .####..
"""


class DistanceToCodes(nn.Module):
    """y_i = sum_j (x_j - code_ij)^2, the squared distance to a code of +-1 for each class: [n, c] -> [n, num_classes].

    The codes lie in the collection `constants`, which no gradient reaches. For ten classes and 84 inputs they are the
    paper's digits; for any others they are drawn at random, which the paper names as the alternative.
    Source: LeCun et al. 1998, equation 7 and section II.B.
    """

    num_classes: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        codes = self.variable("constants", "codes", codes_of, self.num_classes, x.shape[-1]).value
        return jnp.sum(jnp.square(x[:, None] - codes.astype(x.dtype)), axis=-1)


def codes_of(num_classes: int, length: int) -> Array:
    """Returns the codes of `DistanceToCodes`, [num_classes, length]."""
    if (num_classes, length) != (10, 84):
        coins = np.random.default_rng(1998).integers(0, 2, (num_classes, length))
        return jnp.asarray(2.0 * coins - 1, jnp.float32)
    rows = [line.split() for line in DIGITS.split("\n") if line.strip()]
    bitmaps = [[[1.0 if dot == "#" else -1.0 for dot in row[digit]] for row in rows] for digit in range(10)]
    return jnp.asarray(bitmaps, jnp.float32).reshape(10, 84)


class LeNet5(Network):
    """LeNet-5 of the paper: C1, S2, C3, S4, C5, F6, and distances to fixed codes.

    `lenet5_1998` on 32x32x1: 60,000 trainable parameters, 325,680 multiply-accumulates without the output's distances;
    0.95 % error on MNIST, 0.8 % with distortions. C3's maps see the maps of S2 that table I names, S2 and S4 are sums
    with a trainable scale and bias, and everything up to F6 is squashed by 1.7159 tanh(2x/3). Images larger than 32x32
    widen F6's input; smaller ones do not fit C5.

    Attributes:
        codes: length of the output codes, that is, units of F6.
    """

    codes: int = 84
    num_classes: int = 10
    layers: Layers = Layers(norm="none", act="scaled_tanh", pool="subsampling", paper_init="fan_in_uniform")
    image_shape: tuple[int, int, int] = (32, 32, 1)

    outputs: ClassVar[str] = "distances"

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        _check(self.layers)
        halves = Window(2)
        c1 = L.block(ConvUnit)(L, 6, 5, padding=0, attend=True, pool=halves, first=True, name="c1")(x)
        s2 = L.act(name="s2")(c1)
        c3 = L.block(ConvUnit)(L, 16, 5, padding=0, connections=C3_CONNECTIONS, attend=True, pool=halves, name="c3")(s2)
        s4 = L.act(name="s4")(c3)
        c5 = L.block(ConvUnit)(L, 120, 5, padding=0, name="c5")(s4)
        if pyramid:
            return [s2, s4, c5]
        f6 = L.block(DenseUnit)(L, self.codes, name="f6")(L.dropout(name="dropout")(flatten(c5)))
        return DistanceToCodes(self.num_classes, name="output")(f6) if self.num_classes else f6


def _check(layers: Layers) -> None:
    """Refuses what LeNet-5 has no room for."""
    if layers.placement == "pre":
        raise UserError(
            "lenet5_1998 squashes what leaves its subsampling, and placement 'pre' would squash it twice:"
            " use 'post', 'post_act' or 'post_pool'"
        )
    if layers.bind(train=False).act_width != 1:
        raise UserError(
            f"act {layers.act} changes the width, and table I of lenet5_1998 connects 6 maps to 16: use lenet5_modern"
        )


class LeNet5Modern(Network):
    """LeNet-5 as it is usually drawn: dense C3, plain average pooling, tanh, three dense layers.

    `lenet5_modern` on 32x32x1: 61,706 parameters, 416,520 multiply-accumulates. Images from 16x16 on fit; their size
    decides the width of the first dense layer's input.
    """

    num_classes: int = 10
    layers: Layers = Layers(norm="none", act="tanh", pool="avg", paper_init="xavier_uniform")
    image_shape: tuple[int, int, int] = (32, 32, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        halves = Window(2)
        stage1 = L.block(ConvUnit)(L, 6, 5, padding=0, attend=True, pool=halves, first=True, name="conv1")(x)
        stage2 = L.block(ConvUnit)(L, 16, 5, padding=0, attend=True, pool=halves, name="conv2")(stage1)
        stage2 = close_stages(L, stage2)
        if pyramid:
            return [stage1, stage2]
        x = L.dropout(name="dropout")(flatten(stage2))
        x = L.block(DenseUnit)(L, 120, name="fc1")(x)
        x = L.block(DenseUnit)(L, 84, name="fc2")(x)
        return L.dense(self.num_classes, name="head")(x) if self.num_classes else x


LENETS = {
    "lenet5_1998": LeNet5,
    "lenet5_modern": LeNet5Modern,
}
