"""VGG: 3x3 convolutions only, as deep as they go.

Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition" (1409.1556): tables 1-3.
Liu & Deng 2015, "Very deep convolutional neural network based image classification using small training sample size":
the form for 32x32, with batch norm; here with the one dense layer that is common since, as in
github.com/kuangliu/pytorch-cifar.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import Head, close_stages, flatten
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

PLANE = 7  # positions per side that the first dense layer sees

PAPER = Layers(norm="none", act="relu", dropout=0.5, paper_init="xavier_uniform")


class VGG(Network):
    """Five stages of 3x3 convolutions, each closed by a pooling, and three dense layers.

    At 224x224x3 and 1000 classes (single-scale top-1 / top-5 error of table 3, training scale 256):

        name     configuration   parameters    MACs             error
        vgg11    A               132,863,336    7,609,090,048   29.6 / 10.4
        vgg13    B               133,047,848   11,308,466,176   28.7 / 9.9
        vgg16_c  C               133,638,952   11,770,888,192   28.1 / 9.4
        vgg16    D               138,357,544   15,470,264,320   27.0 / 8.8
        vgg19    E               143,667,240   19,632,062,464   27.3 / 9.0

    `cifar_vgg16` at 32x32x3 and 10 classes: 14,724,042 parameters, 313,201,664 multiply-accumulates, 7.4 % error on
    CIFAR-10 (by the repository named above). `vgg11_lrn` is A-LRN, with local response normalization behind the first
    convolution's activation. The `_bn` forms have batch norm behind every convolution, whose bias it replaces; the
    dense layers have none. At other image sizes the last plane is averaged, or below 224 repeated, to 7x7 positions,
    which is part of the network and no site of pooling; images below 32x32 do not survive the five poolings. Weights
    start as the paper's footnote on Glorot & Bengio 2010 has it. Without classes, the features are those of the second
    dense layer.

    Attributes:
        stage_sizes: convolutions per stage.
        last_kernels: side of the last convolution of each stage; configuration C has 1x1 in some.
        width: channels of the first stage; each next one has twice as many, up to eight times.
        hidden: units of the two hidden dense layers.
        small_images: no hidden dense layers: the last plane, one position at 32x32, is pooled and classified.
    """

    stage_sizes: tuple[int, ...] = (1, 1, 2, 2, 2)
    last_kernels: tuple[int, ...] = (3, 3, 3, 3, 3)
    width: int = 64
    hidden: int = 4096
    small_images: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = []
        for stage, convolutions in enumerate(self.stage_sizes, start=1):
            for index in range(1, convolutions + 1):
                first, last = stage == index == 1, index == convolutions
                x = L.block(ConvUnit)(
                    L,
                    self.width * min(2 ** (stage - 1), 8),
                    self.last_kernels[stage - 1] if last else 3,
                    first=first,
                    lrn=first,
                    attend=last,
                    pool=Window(2) if last else None,
                    name=f"conv{stage}_{index}",
                )(x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages
        return Head(L, self.num_classes, name="head")(x) if self.small_images else self._classify(L, x)

    def _classify(self, layers: BoundLayers, x: Images) -> Array:
        x = flatten(ops.adaptive_average(x, PLANE))
        for index in (1, 2):
            x = layers.block(DenseUnit)(layers, self.hidden, name=f"fc{index}")(x)
            x = layers.dropout(name=f"dropout{index}")(x)
        return layers.dense(self.num_classes, name="head")(x) if self.num_classes else x


_STAGE_SIZES = {
    "vgg11": (1, 1, 2, 2, 2),
    "vgg13": (2, 2, 2, 2, 2),
    "vgg16": (2, 2, 3, 3, 3),
    "vgg19": (2, 2, 4, 4, 4),
}

VGGS = {
    **{name: functools.partial(VGG, stage_sizes=sizes) for name, sizes in _STAGE_SIZES.items()},
    **{
        f"{name}_bn": functools.partial(VGG, stage_sizes=sizes, layers=PAPER.replace({"norm": "batch"}))
        for name, sizes in _STAGE_SIZES.items()
    },
    "vgg11_lrn": functools.partial(VGG, layers=PAPER.replace({"norm": "lrn", "placement": "post_act"})),
    "vgg16_c": functools.partial(VGG, stage_sizes=_STAGE_SIZES["vgg16"], last_kernels=(3, 3, 1, 1, 1)),
    "cifar_vgg16": functools.partial(
        VGG,
        stage_sizes=_STAGE_SIZES["vgg16"],
        small_images=True,
        num_classes=10,
        layers=Layers(norm="batch", act="relu", paper_init="he_normal"),
        image_shape=(32, 32, 3),
    ),
}
