"""GoogLeNet: inception modules, of branches with 1x1, 3x3 and 5x5 convolutions.

Szegedy et al. 2014, "Going deeper with convolutions" (1409.4842): figures 2(b) and 3, tables 1 and 3, section 6.
"""

from __future__ import annotations

import functools
import string
from typing import ClassVar

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import Head, close_stages, flatten
from deepvision.layers.bound import BoundLayers
from deepvision.layers.branches import Branches, Conv, Pool, Table, scaled
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

Row = tuple[int, int, int, int, int, int]

TABLE_1 = (  # 1x1, 3x3 reduce, 3x3, 5x5 reduce, 5x5, pool proj
    (
        (64, 96, 128, 16, 32, 32),  # 3a
        (128, 128, 192, 32, 96, 64),
    ),
    (
        (192, 96, 208, 16, 48, 64),  # 4a
        (160, 112, 224, 24, 64, 64),
        (128, 128, 256, 24, 64, 64),
        (112, 144, 288, 32, 64, 64),
        (256, 160, 320, 32, 128, 128),
    ),
    (
        (256, 160, 320, 32, 128, 128),  # 5a
        (384, 192, 384, 48, 128, 128),
    ),
)
HALF = Window(3, 2, ceil=True)
SIDE = 4  # positions per side that the dense layers of the auxiliary heads see


def stem(layers: BoundLayers, x: Images, width: float, small_images: bool) -> Images:
    """Returns what enters the pooling in front of the first inception module; call it inside a compact method.

    That pooling stands apart, so that under placement `post_pool` the paper's two local response normalizations are
    where it has them: behind the first pooling, and in front of the second.
    """
    if small_images:
        conv1 = ConvUnit(layers, scaled(64, width), 3, first=True, lrn=True, name="conv1")
    else:
        conv1 = ConvUnit(layers, scaled(64, width), 7, 2, first=True, lrn=True, pool=HALF, name="conv1")
    x = ConvUnit(layers, scaled(64, width), 1, lrn=False, name="conv2_reduce")(conv1(x))
    return ConvUnit(layers, scaled(192, width), 3, lrn=True, name="conv2")(x)


class AuxiliaryHead(nn.Module):
    """The auxiliary classifier: pooling, 1x1 convolution, two dense layers; [n, h, w, c] -> [n, num_classes].

    The last plane is averaged, or where it is smaller repeated, to 4x4 positions, which is no site of pooling.

    Attributes:
        layers: the bound layers of the network.
        num_classes: outputs.
        width: factor of the channels and hidden units.
        window: of the pooling in front, if there is one; it is never larger than the plane.
    """

    layers: BoundLayers
    num_classes: int
    width: float
    window: Window | None

    @nn.compact
    def __call__(self, x: Images) -> Array:
        L = self.layers
        if self.window:
            fits = Window(min(self.window.size, *x.shape[1:3]), self.window.stride)
            x = L.second.pool(fits, name="pool")(x)
        x = ops.adaptive_average(x, SIDE)
        x = ConvUnit(L, scaled(128, self.width), 1, lrn=False, name="conv")(x)
        x = DenseUnit(L, scaled(1024, self.width), name="fc1")(flatten(close_stages(L, x)))
        x = L.second.dropout(name="dropout")(x)
        return L.dense(self.num_classes, name="fc2")(x)


class GoogLeNet(Network):
    """The paper's network: stem, nine inception modules, global pooling, classifier, two auxiliary classifiers.

    At 224x224x3 and 1000 classes (top-5 error of table 3, one network: 1 crop / 144 crops):

        name                   parameters    MACs            error
        googlenet_2014         13,378,280    1,591,044,096   10.07 / 7.89
        googlenet_2014_noaux    6,998,552    1,582,671,872

    Table 1 counts the second. In training, the losses of the auxiliary classifiers behind modules 4a and 4d are added
    at 0.3. Local response normalization stands behind the first pooling and in front of the second; its constants are
    those of Caffe's model. Other norms stand at every convolution.

    Attributes:
        stages: table 1, the rows of every stage.
        width: factor of all channels but those of the images.
        small_images: the stem is 3x3 at stride 1 and does not pool: 32x32 images reach the first module at 32x32.
        auxiliary_heads: whether there are auxiliary classifiers.
    """

    auxiliary_weight: ClassVar[float] = 0.3
    heads: ClassVar[dict[str, str]] = {"4a": "aux1", "4d": "aux2"}
    kernel: ClassVar[int] = 5  # of the third branch
    pools: ClassVar[tuple[Window, ...]] = (HALF, HALF, HALF)  # in front of stages 3, 4 and 5
    auxiliary_window: ClassVar[Window | None] = Window(5, 3)

    stages: tuple[tuple[Row, ...], ...] = TABLE_1
    width: float = 1.0
    small_images: bool = False
    auxiliary_heads: bool = True
    layers: Layers = Layers(
        norm="lrn(alpha=2e-5, k=1.0)",
        act="relu",
        placement="post_pool",
        dropout=0.4,
        second={"pool": "avg", "dropout": 0.7},
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = stem(L, x, self.width, self.small_images)
        stages = [] if self.small_images else [x]
        for stage, (rows, window) in enumerate(zip(self.stages, self.pools, strict=True), start=3):
            if stage > 3 or not self.small_images:
                x = L.pool(window, name=f"pool{stage - 1}")(x)
            for row, letter in zip(rows, string.ascii_lowercase, strict=False):
                x = self._module(L, row, f"{stage}{letter}")(x)
                self._classify(L, f"{stage}{letter}", x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _module(self, layers: BoundLayers, row: Row, place: str) -> Branches:
        return layers.block(Branches)(layers, self._table(row), self.width, lrn=False, name=f"inception{place}")

    def _table(self, row: Row) -> Table:
        """Returns an inception module. Source: figure 2(b)."""
        one, three_reduce, three, five_reduce, five, pooled = row
        return (
            (Conv(one),),
            (Conv(three_reduce), Conv(three, 3)),
            (Conv(five_reduce), Conv(five, self.kernel)),
            (Pool(Window(3, 1, padding=1)), Conv(pooled)),
        )

    def _classify(self, layers: BoundLayers, place: str, x: Images) -> None:
        """Puts out what the auxiliary classifier behind a module says, if there is one."""
        name = self.heads.get(place)
        if name and self.auxiliary_heads and self.num_classes:
            head = AuxiliaryHead(layers, self.num_classes, self.width, self.auxiliary_window, name=name)
            self.auxiliary(name, head, x)


class GoogLeNetBN(GoogLeNet):
    """torchvision's GoogLeNet: batch norm at every convolution, 3x3 in place of 5x5.

    At 224x224x3 and 1000 classes (top-1 / top-5 error of its weights; the MACs are without the auxiliary classifiers):

        name              parameters    MACs            error
        googlenet         13,004,888    1,498,376,192   30.22 / 10.47
        googlenet_noaux    6,624,904    1,498,376,192   30.22 / 10.47

    Further differences to the paper are a last pooling of 2x2, the adaptive average in the auxiliary classifiers, and
    less dropout. Attributes are those of `GoogLeNet`.
    Source: torchvision.models.googlenet.
    """

    training_only: ClassVar[tuple[str, ...]] = ("aux1", "aux2")
    kernel: ClassVar[int] = 3
    pools: ClassVar[tuple[Window, ...]] = (HALF, HALF, Window(2, ceil=True))
    auxiliary_window: ClassVar[Window | None] = None

    layers: Layers = Layers(
        norm="batch(epsilon=0.001)",
        act="relu",
        dropout=0.2,
        second={"dropout": 0.7},
        paper_init="truncated_normal(std=0.01)",
    )


GOOGLENETS = {
    "googlenet_2014": GoogLeNet,
    "googlenet_2014_noaux": functools.partial(GoogLeNet, auxiliary_heads=False),
    "googlenet": GoogLeNetBN,
    "googlenet_noaux": functools.partial(GoogLeNetBN, auxiliary_heads=False),
}
