"""Residual networks with norm and activation in front of the convolutions.

He et al. 2016, "Identity mappings in deep residual networks" (1603.05027): figure 4(e), tables 2, 3 and 5.

A shortcut is the identity, or a projection of what the unit's first norm and activation give; the network closes with
norm and activation. At 224x224x3 and 1000 classes (top-1 / top-5 error on a single 320x320 crop, table 5):

    name              parameters    MACs             error
    preact_resnet18   11,687,848     1,814,073,344
    preact_resnet34   21,796,008     3,663,761,408
    preact_resnet50   25,549,480     4,089,184,256
    preact_resnet101  44,541,608     7,801,405,440
    preact_resnet152  60,185,256    11,513,626,624   21.1 / 5.5
    preact_resnet200  64,666,280    15,007,481,856   20.7 / 5.3

At 32x32x3 and 10 classes (error on CIFAR-10, tables 2 and 3); the 110-layer network has parameter-free shortcuts:

    name                     parameters    MACs            error
    cifar_preact_resnet110    1,727,962      252,887,680   6.37
    cifar_preact_resnet164    1,703,258      247,646,720   5.46
    cifar_preact_resnet1001  10,327,706    1,490,995,712   4.92
"""

from __future__ import annotations

import functools

from deepvision.layers.residual import BasicUnit, Bottleneck, averaging
from deepvision.models.resnet import BASIC_SIZES, BOTTLENECK_SIZES, PAPER, ResNet

PRE_ACTIVATION = PAPER.replace({"placement": "pre"})

_network = functools.partial(ResNet, layers=PRE_ACTIVATION)
_cifar = functools.partial(_network, width=16, small_images=True, num_classes=10, image_shape=(32, 32, 3))
_bottlenecks = BOTTLENECK_SIZES | {200: (3, 24, 36, 3)}

PREACT_RESNETS = {
    **{f"preact_resnet{depth}": functools.partial(_network, stage_sizes=sizes) for depth, sizes in BASIC_SIZES.items()},
    **{
        f"preact_resnet{depth}": functools.partial(_network, stage_sizes=sizes, unit=Bottleneck)
        for depth, sizes in _bottlenecks.items()
    },
    "cifar_preact_resnet110": functools.partial(_cifar, stage_sizes=(18,) * 3, unit=BasicUnit, shortcut=averaging),
    "cifar_preact_resnet164": functools.partial(_cifar, stage_sizes=(18,) * 3, unit=Bottleneck),
    "cifar_preact_resnet1001": functools.partial(_cifar, stage_sizes=(111,) * 3, unit=Bottleneck),
}
