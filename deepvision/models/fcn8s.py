"""FCN-8s: scores at three resolutions, added up on learned interpolations.

Long, Shelhamer & Darrell 2014, "Fully convolutional networks for semantic segmentation" (1411.4038): figure 3, tables
1-3; the interpolations as in section 3.3.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.initializers import bilinear
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.models.vgg import PAPER, VGG
from deepvision.types import Images

STRIDE = 32  # pixels, along a side, per position behind the last pooling


class FCN8s(Network):
    """VGG-16 whose dense layers are convolutions; its scores meet those of the poolings before, twice as fine each.

    `fcn8s` for 21 classes at 224x224x3: 134,489,759 parameters (134M in table 1), 21,304,752,336 multiply-accumulates;
    a mean IoU of 62.7 % on PASCAL VOC 2011, 62.2 % on 2012 (table 3).

        score = s3 + up2(s4 + up2(s5)), enlarged by 8;   s_i: 1x1 convolutions of poolings 3, 4 and the last layer

    `up2` and the enlargement are transposed convolutions that start as linear interpolations. The paper puts a margin
    of 100 pixels around the image so that the first dense layer fits, and crops the scores; here that convolution keeps
    its size, images are continued by zeros to multiples of 32, and outputs differ near the border alone. The pyramid
    is that of VGG; without classes, the features are those of the second dense layer.

    Attributes:
        stage_sizes, width, hidden: see `VGG`.
    """

    dense: ClassVar[bool] = True

    num_classes: int = 21
    stage_sizes: tuple[int, ...] = (2, 2, 3, 3, 3)
    width: int = 64
    hidden: int = 4096
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L, (height, width) = self.layers.bind(train), x.shape[1:3]
        backbone = VGG(layers=self.layers, stage_sizes=self.stage_sizes, width=self.width, name="backbone")
        stages = backbone(ops.pad_to_multiple(x, STRIDE, mode="constant"), train, pyramid=True)
        if pyramid:
            return stages
        x = L.block(ConvUnit)(L, self.hidden, 7, first=True, lrn=False, drop=True, name="fc6")(stages[4])
        x = L.block(ConvUnit)(L, self.hidden, 1, lrn=False, drop=True, attend=True, name="fc7")(x)
        x = close_stages(L, x)
        return self._score(L, x, stages)[:, :height, :width] if self.num_classes else x

    def _score(self, layers: BoundLayers, x: Images, stages: list[Images]) -> Images:
        """Returns the sum of the scores, at the resolution of the image."""
        score = functools.partial(layers.conv, self.num_classes, 1)
        enlarge = functools.partial(
            layers.conv_transpose, self.num_classes, use_bias=False, linear=True, kernel_init=bilinear
        )
        total = enlarge(4, 2, padding=1, name="enlarge5")(score(name="head")(x))
        total = enlarge(4, 2, padding=1, name="enlarge4")(total + score(name="score4")(stages[3]))
        return enlarge(16, 8, padding=4, name="enlarge3")(total + score(name="score3")(stages[2]))


FCN8S = {"fcn8s": FCN8s}
