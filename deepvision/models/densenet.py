"""Densely connected networks, in which every layer sees the maps of all layers before it.

Huang, Liu, van der Maaten & Weinberger 2016, "Densely connected convolutional networks" (1608.06993): figures 1 and 2,
tables 1-3, section 3.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images


class DenseLayer(nn.Module):
    """y = [x, H(x)]: H makes `growth` new maps out of all there are. [n, h, w, c] -> [n, h, w, c + growth].

    H is a 3x3 convolution, behind a 1x1 convolution to `bottleneck * growth` maps where there is one.

    Attributes:
        layers: the bound layers of the network.
        growth: new maps, the paper's k.
        bottleneck: maps between the two convolutions per new map; 0: no 1x1 convolution.
    Source: Huang et al. 2016, equation 2 and section 3, "Composite function" and "Bottleneck layers".
    """

    layers: BoundLayers
    growth: int
    bottleneck: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        units = [(self.growth, 3)]
        if self.bottleneck:
            units.insert(0, (self.bottleneck * self.growth, 1))
        new = x
        for index, (features, kernel) in enumerate(units, start=1):
            new = ConvUnit(self.layers, features, kernel, drop=True, name=f"conv{index}")(new)
        return append(x, new)


def append(x: Images, new: Images) -> Images:
    """Returns both along the channels, as an update of padded maps.

    A chain of concatenations XLA fuses into every one of its readers, on a CPU, so that code grows with depth squared:
    DenseNet-121 would take 1.4 times as long to compile, and its steps 1.3 times as long.
    """
    padded = jnp.pad(x, [(0, 0)] * (x.ndim - 1) + [(0, new.shape[-1])])
    return jax.lax.dynamic_update_slice_in_dim(padded, new, x.shape[-1], axis=-1)


class DenseNet(Network):
    """Stem, dense blocks with transitions between them, global pooling, classifier.

    At 224x224x3 and 1000 classes (single-crop top-1 / top-5 error of table 3; 161, which the first version of the paper
    has with k = 48, as its authors' repository lists it):

        name         layers per block    k    parameters   MACs            error
        densenet121  6, 12, 24, 16       32    7,978,856   2,834,161,664   25.02 / 7.71
        densenet161  6, 12, 36, 24       48   28,681,000   7,727,907,072   22.33 / 6.15
        densenet169  6, 12, 32, 32       32   14,149,480   3,359,843,328   23.80 / 6.85
        densenet201  6, 12, 48, 32       32   20,013,928   4,291,365,888   22.58 / 6.34
        densenet264  6, 12, 64, 48       32   33,337,704   5,751,653,376   22.15 / 6.12

    At 32x32x3 and 10 classes (error of table 2 on CIFAR-10 without and with augmentation; L layers, growth k):

        name                      parameters   MACs            error
        cifar_densenet_40_12       1,019,722     264,812,928   7.00 / 5.24
        cifar_densenet_100_12      6,979,642   1,769,516,448   5.77 / 4.10
        cifar_densenet_bc_100_12     769,162     287,929,692   5.92 / 4.51
        cifar_densenet_bc_250_24  15,324,406   5,418,785,724   5.19 / 3.62
        cifar_densenet_bc_190_40  25,624,430   9,301,945,740   -    / 3.46

    B is the bottleneck, C the compression; either can be switched off. The paper's placement is "pre". Dropout stands
    behind every convolution but the first; the paper's rate is 0.2 on data that are not augmented, and otherwise 0.
    Attention stands behind every dense block, whose output the pyramid holds. `remat` keeps a dense layer's output
    alone, which makes memory linear in depth, as in Pleiss et al. 2017 (1707.06990).

    Attributes:
        stage_sizes: layers per dense block.
        growth: maps that each layer adds, the paper's k.
        width: channels of the stem.
        bottleneck: maps of a layer's 1x1 convolution, per new map; 0: there is none.
        compression: share of the maps that leaves a transition, in (0, 1]; 1: all.
        small_images: a 3x3 stem without pooling, as the paper has it for CIFAR-10, in place of 7x7 and pooling.
    """

    stage_sizes: tuple[int, ...] = (6, 12, 24, 16)
    growth: int = 32
    width: int = 64
    bottleneck: int = 4
    compression: float = 0.5
    small_images: bool = False
    layers: Layers = Layers(
        norm="batch", act="relu", pool="max", placement="pre", paper_init="he_normal", second={"pool": "avg"}
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = self._stem(L, x)
        stages = []
        for stage, layers in enumerate(self.stage_sizes, start=1):
            if stage > 1:
                x = self._transition(L, x, stage - 1)
            for index in range(1, layers + 1):
                name = f"block{stage}_layer{index}"
                x = L.block(DenseLayer)(L, self.growth, self.bottleneck, name=name)(x)
            x = L.attention(name=f"attention{stage}")(x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, drop=False, name="head")(x)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        if self.small_images:
            return ConvUnit(layers, self.width, 3, first=True, name="conv0")(x)
        return ConvUnit(layers, self.width, 7, 2, stem=True, pool=Window(3, 2, padding=1), name="conv0")(x)

    def _transition(self, layers: BoundLayers, x: Images, number: int) -> Images:
        """Returns a share of the maps, on half the plane: 1x1 convolution and average pooling."""
        features = int(x.shape[-1] * self.compression)
        return ConvUnit(layers.second, features, 1, drop=True, pool=Window(2), name=f"transition{number}")(x)


_STAGE_SIZES = {
    "densenet121": (6, 12, 24, 16),
    "densenet169": (6, 12, 32, 32),
    "densenet201": (6, 12, 48, 32),
    "densenet264": (6, 12, 64, 48),
}


def _cifar(depth: int, growth: int, bottleneck: int, compression: float, width: int) -> functools.partial:
    """Returns the network of three equal dense blocks of section 3, "Implementation details"."""
    return functools.partial(
        DenseNet,
        stage_sizes=((depth - 4) // (6 if bottleneck else 3),) * 3,
        growth=growth,
        width=width,
        bottleneck=bottleneck,
        compression=compression,
        small_images=True,
        num_classes=10,
        image_shape=(32, 32, 3),
    )


DENSENETS = {
    **{name: functools.partial(DenseNet, stage_sizes=sizes) for name, sizes in _STAGE_SIZES.items()},
    "densenet161": functools.partial(DenseNet, stage_sizes=(6, 12, 36, 24), growth=48, width=96),
    **{f"cifar_densenet_{depth}_12": _cifar(depth, 12, bottleneck=0, compression=1.0, width=16) for depth in (40, 100)},
    **{
        f"cifar_densenet_bc_{depth}_{growth}": _cifar(depth, growth, bottleneck=4, compression=0.5, width=2 * growth)
        for depth, growth in ((100, 12), (250, 24), (190, 40))
    },
}
