"""Wide residual networks: fewer layers, more channels.

Zagoruyko & Komodakis 2016, "Wide residual networks" (1605.07146): figure 1, tables 1, 4-6 and 8.

`cifar_wrn28_10` has 28 layers and 10 times the channels of a CIFAR residual network, norm and activation in front of
the convolutions, projections as shortcuts, and dropout, if any, between the two convolutions of each unit and not in
front of the classifier (0.3 for CIFAR in section 3). At 32x32x3 and 10 classes (error on CIFAR-10 / CIFAR-100 without
dropout, tables 4-6):

    name            parameters    MACs            error
    cifar_wrn16_4    2,748,890      392,612,352   5.02 / 24.03
    cifar_wrn16_8   10,961,370    1,548,145,664   4.27 / 20.43
    cifar_wrn28_10  36,479,194    5,243,328,768   4.00 / 19.25   (3.89 / 18.85 with dropout)
    cifar_wrn40_4    8,949,210    1,298,582,016   4.53 / 21.18

On ImageNet, ResNets whose bottlenecks are twice as wide inside. At 224x224x3 and 1000 classes (top-1 / top-5 error of
table 8):

    name              parameters     MACs             error
    wide_resnet50_2    68,883,240    11,398,021,120   21.9 / 6.03
    wide_resnet101_2  126,886,696    22,753,050,624
"""

from __future__ import annotations

import functools

from deepvision.layers.residual import Bottleneck, WideUnit
from deepvision.models.preact_resnet import PRE_ACTIVATION
from deepvision.models.resnet import BOTTLENECK_SIZES, ResNet


def _cifar(depth: int, widening: int) -> functools.partial:
    """Returns the network of 6n + 4 layers of table 1."""
    return functools.partial(
        ResNet,
        stage_sizes=((depth - 4) // 6,) * 3,
        unit=WideUnit,
        width=16 * widening,
        stem_width=16,
        small_images=True,
        num_classes=10,
        image_shape=(32, 32, 3),
        layers=PRE_ACTIVATION,
    )


WIDE_RESNETS = {
    **{f"cifar_wrn{depth}_{k}": _cifar(depth, k) for depth, k in ((16, 4), (16, 8), (28, 10), (40, 4))},
    **{
        f"wide_resnet{depth}_2": functools.partial(
            ResNet, stage_sizes=BOTTLENECK_SIZES[depth], unit=Bottleneck, group_width=128
        )
        for depth in (50, 101)
    },
}
