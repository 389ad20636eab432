"""Residual networks of aggregated transformations: bottlenecks whose 3x3 convolution falls into groups.

Xie et al. 2016, "Aggregated residual transformations for deep neural networks" (1611.05431): figure 3(c), tables 1, 3.

`resnext50_32x4d` has 32 groups of 4 channels in its first stage. At 224x224x3 and 1000 classes (top-1 / top-5 error on
a single crop, tables 3 and 4):

    name              parameters    MACs             error
    resnext50_32x4d   25,028,904     4,230,479,872   22.2
    resnext101_32x4d  44,177,704     7,969,996,800   21.2 / 5.6
    resnext101_32x8d  88,791,336    16,414,015,488
"""

from __future__ import annotations

import functools

from deepvision.layers.residual import Bottleneck
from deepvision.models.resnet import BOTTLENECK_SIZES, ResNet

RESNEXTS = {
    f"resnext{depth}_{groups}x{width}d": functools.partial(
        ResNet, stage_sizes=BOTTLENECK_SIZES[depth], unit=Bottleneck, groups=groups, group_width=width
    )
    for depth, groups, width in ((50, 32, 4), (101, 32, 4), (101, 32, 8))
}
