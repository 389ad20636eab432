"""Fully convolutional networks for semantic segmentation: a class for every pixel.

Long et al. 2014, "Fully convolutional networks for semantic segmentation" (1411.4038): sections 3 and 4, on a residual
network whose last stages dilate instead of stride, as in Chen et al. 2017 (1706.05587), section 3.1.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.residual import Bottleneck
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.models.resnet import BOTTLENECK_SIZES, PAPER, ResNet
from deepvision.types import Images


class FCN(Network):
    """A residual network, a 3x3 convolution, logits of a 1x1 convolution, and interpolation to the size of the image.

        name          parameters    MACs at 224x224x3   mean IoU, pixels right
        fcn_resnet50  32,957,013    26,484,498,432      60.5 %, 91.4 % (torchvision's weights, COCO, classes of VOC)

    For 21 classes and without the auxiliary classifier of torchvision. The interpolation is linear, with no parameters,
    where the paper learns it from that start. The pyramid is that of the backbone; without classes, the features are
    those in front of the last convolution, at their own resolution.

    Attributes:
        stage_sizes, width, small_images, output_stride: of the backbone; see `ResNet`.
    """

    dense: ClassVar[bool] = True

    num_classes: int = 21
    stage_sizes: tuple[int, ...] = BOTTLENECK_SIZES[50]
    width: int = 64
    small_images: bool = False
    output_stride: int = 8
    layers: Layers = PAPER.replace({"dropout": 0.1})

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        height, width = x.shape[1:3]
        backbone = ResNet(
            layers=self.layers,
            stage_sizes=self.stage_sizes,
            unit=Bottleneck,
            width=self.width,
            small_images=self.small_images,
            output_stride=self.output_stride,
            name="backbone",
        )
        stages = backbone(x, train, pyramid=True)
        if pyramid:
            return stages
        x = self._decode(L, stages[-1])
        if not self.num_classes:
            return x
        x = L.conv(self.num_classes, 1, name="head")(x)
        return ops.resize_bilinear(x, height, width)

    def _decode(self, layers: BoundLayers, x: Images) -> Images:
        """Returns what the last convolution makes its logits of."""
        x = ConvUnit(layers, x.shape[-1] // 4, 3, first=True, name="conv1")(x)
        return layers.dropout(name="dropout")(close_stages(layers, x))


FCNS = {"fcn_resnet50": FCN}
