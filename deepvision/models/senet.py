"""Residual networks with an attention block at the end of every branch.

Hu et al. 2017, "Squeeze-and-excitation networks" (1709.01507): figure 3, tables 1 and 2; appendix for SENet-154.
Woo et al. 2018, "CBAM: convolutional block attention module" (1807.06521): figure 3, table 4.
Wang et al. 2019, "ECA-Net: efficient channel attention for deep convolutional neural networks" (1910.03151): table 3.

At 224x224x3 and 1000 classes (top-1 / top-5 error; those of Hu et al. for `legacy_`, of Woo et al. for se and cbam):

    name                       parameters     MACs             error
    legacy_seresnet50           28,088,024     3,860,488,192   23.29 / 6.62
    legacy_seresnext50_32x4d    27,559,896     4,232,994,816   21.10 / 5.49
    legacy_senet154            115,088,984    20,688,363,520   18.68 / 4.47
    se_resnet50, seresnet50     28,088,024     4,091,699,200   23.14 / 6.70
    seresnext50_32x4d           27,559,896     4,232,994,816
    cbam_resnet50               28,089,624     4,095,573,110   22.66 / 6.31
    eca_resnet50                25,557,118     4,089,272,064   22.52 / 6.32

The `legacy_` networks are those of the authors' Caffe models: the pooling of the stem reaches over the border on one
side, and the stride of SE-ResNet-50 is in the first 1x1 convolution. In `legacy_senet154`, which is `senet154` too, the
stem has three 3x3 convolutions, projections with a stride are 3x3, the first convolution of a bottleneck has half of
the channels, and dropout comes in front of the classifier. The others differ from ResNet-50 and ResNeXt-50 in their
attention alone.
"""

from __future__ import annotations

import functools

from deepvision.layers.pooling import Window
from deepvision.layers.residual import Bottleneck, BottleneckV1, HalvedBottleneck, projection3x3
from deepvision.models.resnet import BOTTLENECK_SIZES, PAPER, ResNet

SE = PAPER.replace({"attention": "se"})

_resnet50 = functools.partial(ResNet, stage_sizes=BOTTLENECK_SIZES[50], unit=Bottleneck)
_seresnet50 = functools.partial(_resnet50, layers=SE)
_seresnext50 = functools.partial(_seresnet50, groups=32, group_width=4)
_caffe_pool = Window(3, 2, ceil=True)
_senet154 = functools.partial(
    ResNet,
    stage_sizes=BOTTLENECK_SIZES[152],
    unit=HalvedBottleneck,
    groups=64,
    group_width=4,
    deep_stem=True,
    stem_pool=_caffe_pool,
    shortcut=projection3x3,
    layers=SE.replace({"dropout": 0.2}),
)

SENETS = {
    "se_resnet50": _seresnet50,
    "seresnet50": _seresnet50,
    "seresnext50_32x4d": _seresnext50,
    "legacy_seresnet50": functools.partial(_seresnet50, unit=BottleneckV1, stem_pool=_caffe_pool),
    "legacy_seresnext50_32x4d": functools.partial(_seresnext50, stem_pool=_caffe_pool),
    "legacy_senet154": _senet154,
    "senet154": _senet154,
    "cbam_resnet50": functools.partial(_resnet50, layers=PAPER.replace({"attention": "cbam"})),
    "eca_resnet50": functools.partial(_resnet50, layers=PAPER.replace({"attention": "eca"})),
}
