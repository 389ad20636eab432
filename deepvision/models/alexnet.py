"""AlexNet: as its paper has it, in two groups, and in one column.

Krizhevsky, Sutskever & Hinton 2012, "ImageNet classification with deep convolutional neural networks": sections 3-5,
figure 2. Krizhevsky 2014, "One weird trick for parallelizing convolutional neural networks" (1404.5997), section 5.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import close_stages, flatten
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

OVERLAPPING = Window(3, 2)  # section 3.4

PAPER = Layers(norm="none", act="relu", dropout=0.5, paper_init="normal")


class AlexNet(Network):
    """Five convolutions, three of them with overlapping pooling, and three dense layers.

    At 1000 classes (single-crop top-1 / top-5 error; of 2012, table 2, averaged over ten crops; of the other,
    torchvision's, since its paper draws curves):

        name                  image     parameters    MACs          error
        alexnet_2012_grouped  227x227   60,965,224    724,406,816   40.7 / 18.2
        alexnet               224x224   61,100,840    714,188,480   43.5 / 20.9

    The network of 2012 was spread over two devices that see each other's maps in the third convolution alone: the
    others are in two groups. It has local response normalization behind the activations of the first two; any other
    norm goes to every convolution. Its paper says 224x224, from which its first layer does not come out at 55x55;
    227x227 does. The one of 2014 is one column with fewer maps and no norm. Weights start as the papers have it, from a
    normal distribution of deviation 0.01; biases at 0, where the paper of 2012 has 1 in some layers.

    At other image sizes the last plane is averaged, or if smaller repeated, to 6x6 positions (3x3 for small images),
    which is part of the network and no site of pooling. Without classes, the features are those of the second dense
    layer.

    Attributes:
        widths: channels of the five convolutions.
        groups: of the second, fourth and fifth convolution.
        padding: of the first convolution.
        hidden: units of the two hidden dense layers.
        small_images: a first convolution of 5x5 at stride 1, as its author's networks for CIFAR-10 have it
            (cuda-convnet), in place of 11x11 at stride 4.
    """

    widths: tuple[int, int, int, int, int] = (64, 192, 384, 256, 256)
    groups: int = 1
    padding: int = 2
    hidden: int = 4096
    small_images: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stage1 = self._stem(L, x)
        stage2 = self._conv(L, 2, 5, groups=self.groups, ends_stage=True)(stage1)
        x = self._conv(L, 3)(stage2)
        x = self._conv(L, 4, groups=self.groups)(x)
        x = self._conv(L, 5, groups=self.groups, ends_stage=True)(x)
        stage3 = close_stages(L, x)
        if pyramid:
            return [stage1, stage2, stage3]
        x = flatten(ops.adaptive_average(stage3, 3 if self.small_images else 6))
        return classify(L, x, self.hidden, self.num_classes)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        kernel, stride, padding = (5, 1, 2) if self.small_images else (11, 4, self.padding)
        unit = layers.block(ConvUnit)(
            layers,
            self.widths[0],
            kernel,
            stride,
            padding,
            attend=True,
            pool=OVERLAPPING,
            first=True,
            lrn=True,
            name="conv1",
        )
        return unit(x)

    def _conv(
        self, layers: BoundLayers, number: int, kernel: int = 3, *, groups: int = 1, ends_stage: bool = False
    ) -> ConvUnit:
        """Makes one of the convolutions from the second on."""
        return layers.block(ConvUnit)(
            layers,
            self.widths[number - 1],
            kernel,
            groups=groups,
            attend=ends_stage,
            pool=OVERLAPPING if ends_stage else None,
            lrn=number == 2,
            name=f"conv{number}",
        )


def classify(layers: BoundLayers, x: Array, hidden: int, num_classes: int) -> Array:
    """Returns what three dense layers make of features [n, c], the first two behind dropout; 0 classes: the second's.

    Call it inside a compact method.
    """
    for index in (1, 2):
        x = layers.dropout(name=f"dropout{index}")(x)
        x = DenseUnit(layers, hidden, name=f"fc{index}")(x)
    return layers.dense(num_classes, name="head")(x) if num_classes else x


ALEXNETS = {
    "alexnet": AlexNet,
    "alexnet_2012_grouped": functools.partial(
        AlexNet,
        widths=(96, 256, 384, 384, 256),
        groups=2,
        padding=0,
        layers=PAPER.replace({"norm": "lrn", "placement": "post_act"}),
        image_shape=(227, 227, 3),
    ),
}
