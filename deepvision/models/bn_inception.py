"""BN-Inception: the first network with batch normalization; two 3x3 convolutions take the place of GoogLeNet's 5x5.

Ioffe & Szegedy 2015, "Batch normalization: accelerating deep network training by reducing internal covariate shift"
(1502.03167): appendix, figure 5, and figure 4 for the errors.
Hu et al. 2017, "Squeeze-and-excitation networks" (1709.01507): figure 2 and table 2.
"""

from __future__ import annotations

import functools
import string

import flax.linen as nn

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import Branches, Conv, Pool, Table
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.models.googlenet import HALF, stem
from deepvision.models.network import Network
from deepvision.types import Images

Row = tuple[int, int, int, int, int, str, int]

FIGURE_5 = (  # 1x1, 3x3 reduce, 3x3, double 3x3 reduce, double 3x3, pool, its projection
    (
        (64, 64, 64, 64, 96, "avg", 32),  # 3a
        (64, 64, 96, 64, 96, "avg", 64),
        (0, 128, 160, 64, 96, "max", 0),
    ),
    (
        (224, 64, 96, 96, 128, "avg", 128),  # 4a
        (192, 96, 128, 96, 128, "avg", 128),
        (160, 128, 160, 128, 160, "avg", 96),
        (96, 128, 192, 160, 192, "avg", 96),
        (0, 128, 192, 192, 256, "max", 0),
    ),
    (
        (352, 192, 320, 160, 224, "avg", 128),  # 5a
        (352, 192, 320, 192, 224, "max", 128),
    ),
)
_SAME = Window(3, 1, padding=1)
_BATCH = Layers(norm="batch", act="relu", second={"pool": "avg"})


def inception(row: Row) -> Table:
    """Returns the module of a row of figure 5; one without a 1x1 branch halves the sides.

    Halving fits sides that are even: the paper's poolings have no padding, but its convolutions have.
    """
    one, three_reduce, three, double_reduce, double, pool, projection = row
    if not one:
        return (
            (Conv(three_reduce), Conv(three, 3, 2)),
            (Conv(double_reduce), Conv(double, 3), Conv(double, 3, 2)),
            (Pool(HALF),),
        )
    return (
        (Conv(one),),
        (Conv(three_reduce), Conv(three, 3)),
        (Conv(double_reduce), Conv(double, 3), Conv(double, 3)),
        (Pool(_SAME, second=pool == "avg"), Conv(projection)),
    )


class BNInception(Network):
    """Stem, ten inception modules of which two halve the sides, global pooling, classifier.

    At 224x224x3 and 1000 classes (single-crop top-1 / top-5 error, of figure 4 and of table 2 of the second paper):

        name                  parameters    MACs            error
        bn_inception          11,194,984    2,018,851,840   25.2 / 7.82
        bn_inception_caffe    11,285,224    2,032,600,064
        se_inception          11,823,488    2,019,473,408   24.23 / 7.14

    `bn_inception_caffe` has 128 instead of 96 projected maps behind the poolings of 4c and 4d, as Caffe's model.
    `bn_inception_convbias` is `bn_inception`: its reference's convolutions own biases, which batch norm makes idle and
    ours do not have. `se_inception` has squeeze-and-excitation behind every module. The first convolution is a plain
    one; the paper's was separable. Sides must be even where modules halve them, as those of multiples of 32 are.

    Attributes:
        stages: figure 5, the rows of every stage.
        width: factor of all channels but those of the images.
        small_images: the stem is 3x3 at stride 1 and does not pool: 32x32 images reach the first module at 32x32.
    """

    stages: tuple[tuple[Row, ...], ...] = FIGURE_5
    width: float = 1.0
    small_images: bool = False
    layers: Layers = _BATCH

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = stem(L, x, self.width, self.small_images)
        stages = []
        if not self.small_images:
            stages.append(x)
            x = L.pool(HALF, name="pool2")(x)
        for stage, rows in enumerate(self.stages, start=3):
            for row, letter in zip(rows, string.ascii_lowercase, strict=False):
                if not row[0]:  # halves the sides: a level of the pyramid ends in front of it
                    stages.append(x)
                x = self._module(L, row, f"inception{stage}{letter}")(x)
        stages.append(close_stages(L, x))
        return stages if pyramid else Head(L, self.num_classes, name="head")(stages[-1])

    def _module(self, layers: BoundLayers, row: Row, name: str) -> Branches:
        return layers.block(Branches)(layers, inception(row), self.width, lrn=False, name=name)


def _caffe(row: Row) -> Row:
    """Returns a row with the 96 projected maps made 128."""
    return (*row[:-1], 128) if row[-1] == 96 else row


BN_INCEPTIONS = {
    "bn_inception": BNInception,
    "bn_inception_convbias": BNInception,
    "bn_inception_caffe": functools.partial(BNInception, stages=tuple(tuple(map(_caffe, rows)) for rows in FIGURE_5)),
    "se_inception": functools.partial(BNInception, layers=_BATCH.replace({"attention": "se"})),
}
