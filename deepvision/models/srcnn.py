"""SRCNN and FSRCNN: the first convolutional networks for super-resolution.

Dong, Loy, He & Tang 2014, "Image super-resolution using deep convolutional networks" (1501.00092): section 3, tables
1 and 3.
Dong, Loy & Tang 2016, "Accelerating the super-resolution convolutional neural network" (1608.00367): figure 2, table 3.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration
from deepvision.types import Images


class SRCNN(Restoration):
    """Three convolutions on the image, enlarged bicubically: patches, a nonlinear mapping, reconstruction.

    At 64x64x1, luminance alone (mean PSNR on Set5 at scale 3):

        name       parameters  MACs         PSNR
        srcnn_915       8,129   32,899,072  32.39 (91 images)
        srcnn_955      57,281  234,225,664  32.75 (ImageNet)

    The paper counts 8,032 and 57,184 parameters without biases. Its convolutions have no padding; here all keep the
    size, and differ from the paper's at the border alone.

    Attributes:
        kernels: sides of the three kernels.
        widths: channels of the two hidden layers.
    """

    enlarged_input: ClassVar[bool] = True

    num_classes: int = 1
    kernels: tuple[int, int, int] = (9, 1, 5)
    widths: tuple[int, int] = (64, 32)
    layers: Layers = Layers(norm="none", act="relu", paper_init="normal(std=0.001)")
    image_shape: tuple[int, int, int] = (64, 64, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = self.drop_inputs(L, x)
        x = L.block(ConvUnit)(L, self.widths[0], self.kernels[0], first=True, name="conv1")(x)
        x = L.block(ConvUnit)(L, self.widths[1], self.kernels[1], attend=True, name="conv2")(x)
        x = close_stages(L, x)
        if pyramid:
            return [x]
        x = L.dropout(name="dropout")(x)
        return L.conv(self.num_classes, self.kernels[2], name="head")(x) if self.num_classes else x


class FSRCNN(Restoration):
    """FSRCNN(56, 12, 4) on the small image: features, shrinking, mapping, expanding; a transposed convolution enlarges.

    At 32x32x1, luminance alone (mean PSNR on Set5 at scale 3, table 3):

        name       parameters  MACs        PSNR
        fsrcnn_x3      12,809  12,763,136  33.16

    Without biases and slopes the parameters are the paper's 12,464. Only the transposed convolution depends on the
    scale, and its size on nothing.

    Attributes:
        scale: of the enlargement, at most 9, the side of the last kernel.
        width: channels of the features.
        shrunk: channels of the mapping.
        depth: convolutions of the mapping.
    """

    num_classes: int = 1
    scale: int = 3
    width: int = 56
    shrunk: int = 12
    depth: int = 4
    layers: Layers = Layers(norm="none", act="prelu", paper_init="he_normal")
    image_shape: tuple[int, int, int] = (32, 32, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        if not 1 <= self.scale <= 9:
            raise UserError(f"scale of fsrcnn must be between 1 and 9, got {self.scale}")
        L = self.layers.bind(train)
        x = self.drop_inputs(L, x)
        x = L.block(ConvUnit)(L, self.width, 5, first=True, name="features")(x)
        x = L.block(ConvUnit)(L, self.shrunk, 1, name="shrink")(x)
        for index in range(1, self.depth + 1):
            x = L.block(ConvUnit)(L, self.shrunk, 3, attend=index == self.depth, name=f"map{index}")(x)
        x = L.block(ConvUnit)(L, self.width, 1, name="expand")(x)
        x = close_stages(L, x)
        if pyramid:
            return [x]
        x = L.dropout(name="dropout")(x)
        if not self.num_classes:
            return x
        enlarge = L.conv_transpose(
            self.num_classes, 9, self.scale, padding=4, output_padding=self.scale - 1, name="head"
        )
        return enlarge(x)


SRCNNS = {
    "srcnn_915": SRCNN,
    "srcnn_955": functools.partial(SRCNN, kernels=(9, 5, 5)),
    "fsrcnn_x3": FSRCNN,
}
