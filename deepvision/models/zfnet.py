"""ZFNet: AlexNet after a look at its filters, with smaller ones and smaller strides in front.

Zeiler & Fergus 2013, "Visualizing and understanding convolutional networks" (1311.2901): figure 3, sections 3 and 4.1.
"""

from __future__ import annotations

import flax.linen as nn

from deepvision import ops
from deepvision.layers.blocks import close_stages, flatten
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.alexnet import classify
from deepvision.models.network import Network
from deepvision.types import Images


class ZFNet(Network):
    """Five convolutions, three of them with pooling, and three dense layers, all in one column.

    `zfnet` at 224x224x3 and 1000 classes: 62,357,608 parameters, 1,168,032,896 multiply-accumulates, 38.4 / 16.5 %
    top-1 / top-5 error (table 2, one network of figure 3). The contrast of the first two convolutions is normalized
    across maps, behind the pooling; the paper gives no formula, and AlexNet's local response normalization stands
    there. Any other norm goes to every convolution. Weights start, for the paper's constant 0.01, from a normal
    distribution of that deviation.

    At other image sizes the last plane is averaged, or if smaller repeated, to 6x6 positions (3x3 for small images),
    which is part of the network and no site of pooling. Without classes, the features are those of the second dense
    layer.

    Attributes:
        widths: channels of the five convolutions.
        hidden: units of the two hidden dense layers.
        small_images: stride 1 in the first two convolutions, and padding that keeps their planes, in place of stride 2.
    """

    widths: tuple[int, int, int, int, int] = (96, 256, 384, 384, 256)
    hidden: int = 4096
    small_images: bool = False
    layers: Layers = Layers(norm="lrn", act="relu", placement="post_pool", dropout=0.5, paper_init="normal")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = []
        for number, (kernel, stride, padding, pool) in enumerate(self._table(), start=1):
            x = L.block(ConvUnit)(
                L,
                self.widths[number - 1],
                kernel,
                stride,
                padding,
                attend=pool is not None,
                pool=pool,
                first=number == 1,
                lrn=number <= 2,
                name=f"conv{number}",
            )(x)
            if pool:
                stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages
        x = flatten(ops.adaptive_average(x, 3 if self.small_images else 6))
        return classify(L, x, self.hidden, self.num_classes)

    def _table(self) -> tuple[tuple[int, int, int | None, Window | None], ...]:
        """Returns kernel, stride, padding and pooling of every convolution."""
        padded = Window(3, 2, padding=1)
        wide = ((7, 1, 3, padded), (5, 1, 2, padded)) if self.small_images else ((7, 2, 1, padded), (5, 2, 0, padded))
        return *wide, (3, 1, 1, None), (3, 1, 1, None), (3, 1, 1, Window(3, 2))


ZFNETS = {"zfnet": ZFNet}
