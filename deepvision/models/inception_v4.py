"""Inception-v4: a deeper, more uniform Inception-v3.

Szegedy et al. 2016, "Inception-v4, Inception-ResNet and the impact of residual connections on learning" (1602.07261):
figures 3-9, tables 1 and 2.
"""

from __future__ import annotations

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import Branches, Conv, Pool, Table, scaled
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.inception_v3 import AVERAGED, COLUMN, HALF, HALVED, ROW
from deepvision.models.network import Network
from deepvision.types import Images

INCEPTION_A = (  # figure 4
    (Conv(96),),
    (Conv(64), Conv(96, 3)),
    (Conv(64), Conv(96, 3), Conv(96, 3)),
    (AVERAGED, Conv(96)),
)
INCEPTION_B = (  # figure 5
    (Conv(384),),
    (Conv(192), Conv(224, ROW), Conv(256, COLUMN)),
    (Conv(192), Conv(192, COLUMN), Conv(224, ROW), Conv(224, COLUMN), Conv(256, ROW)),
    (AVERAGED, Conv(128)),
)
INCEPTION_C = (  # figure 6
    (Conv(256),),
    (Conv(384), (Conv(256, (1, 3)), Conv(256, (3, 1)))),
    (Conv(384), Conv(448, (3, 1)), Conv(512, (1, 3)), (Conv(256, (1, 3)), Conv(256, (3, 1)))),
    (AVERAGED, Conv(256)),
)
REDUCTION_A = (  # figure 7, with table 1
    (Conv(384, 3, 2, padding=0),),
    (Conv(192), Conv(224, 3), Conv(256, 3, 2, padding=0)),
    (HALVED,),
)
REDUCTION_B = (  # figure 8
    (Conv(192), Conv(192, 3, 2, padding=0)),
    (Conv(256), Conv(256, ROW), Conv(320, COLUMN), Conv(320, 3, 2, padding=0)),
    (HALVED,),
)


def stem_tables(small_images: bool) -> tuple[Table, Table, Table]:
    """Returns the branches inside the stem, figure 3; for small images they have no strides and keep the size."""
    stride, inside, window = (1, None, Window(3, 1, padding=1)) if small_images else (2, 0, HALF)
    return (
        (
            (Pool(window),),
            (Conv(96, 3, stride, inside),),
        ),
        (
            (Conv(64), Conv(96, 3, padding=inside)),
            (Conv(64), Conv(64, ROW), Conv(64, COLUMN), Conv(96, 3, padding=inside)),
        ),
        (
            (Conv(192, 3, stride, inside),),
            (Pool(window),),
        ),
    )


class InceptionV4(Network):
    """Stem, modules at three sizes with reductions between them, global pooling, classifier.

    At 299x299x3 and 1000 classes (single-crop top-1 / top-5 error of table 2):

        name           parameters    MACs             error
        inception_v4   42,679,816    12,253,974,624   20.0 / 5.0

    Images from 75x75 on survive. There is no attention in the stem.

    Attributes:
        stage_sizes: modules at 35x35, 17x17 and 8x8.
        width: factor of all channels but those of the images.
        small_images: the stem keeps the size of the images: those of 32x32 come to 32x32, 15x15 and 7x7.
    """

    stage_sizes: tuple[int, int, int] = (4, 7, 3)
    width: float = 1.0
    small_images: bool = False
    layers: Layers = Layers(
        norm="batch(epsilon=0.001)",
        act="relu",
        dropout=0.2,
        second={"pool": "avg(count_include_pad=False)"},
    )
    image_shape: tuple[int, int, int] = (299, 299, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        modules_a, modules_b, modules_c = self.stage_sizes
        *early, x = self._stem(L, x)
        stages = [] if self.small_images else early
        for index in range(1, modules_a + 1):
            x = self._module(L, INCEPTION_A, f"inception_a{index}")(x)
        stages.append(x)
        x = self._module(L, REDUCTION_A, "reduction_a")(x)
        for index in range(1, modules_b + 1):
            x = self._module(L, INCEPTION_B, f"inception_b{index}")(x)
        stages.append(x)
        x = self._module(L, REDUCTION_B, "reduction_b")(x)
        for index in range(1, modules_c + 1):
            x = self._module(L, INCEPTION_C, f"inception_c{index}")(x)
        stages.append(close_stages(L, x))
        return stages if pyramid else Head(L, self.num_classes, name="head")(stages[-1])

    def _stem(self, layers: BoundLayers, x: Images) -> tuple[Images, Images]:
        """Returns what leaves the second and the third of its groups of branches."""
        stride, inside = (1, None) if self.small_images else (2, 0)
        x = ConvUnit(layers, scaled(32, self.width), 3, stride, padding=inside, first=True, name="conv1")(x)
        x = ConvUnit(layers, scaled(32, self.width), 3, padding=inside, name="conv2")(x)
        x = ConvUnit(layers, scaled(64, self.width), 3, name="conv3")(x)
        first, second, third = (
            Branches(layers, table, self.width, attend=False, name=f"stem{number}")
            for number, table in enumerate(stem_tables(self.small_images), start=1)
        )
        early = second(first(x))
        return early, third(early)

    def _module(self, layers: BoundLayers, table: Table, name: str) -> Branches:
        return layers.block(Branches)(layers, table, self.width, name=name)


INCEPTIONS_V4 = {
    "inception_v4": InceptionV4,
}
