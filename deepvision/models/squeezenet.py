"""SqueezeNet: few parameters, since 3x3 filters are few and see few channels.

Iandola et al. 2016, "SqueezeNet: AlexNet-level accuracy with 50x fewer parameters and <0.5MB model size" (1602.07360):
figures 1 and 2, table 1; version 1.1 is of the authors' repository, github.com/forresti/SqueezeNet.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images

FIRES = (  # table 1, fire2 to fire9: squeeze 1x1, and expand 1x1 and 3x3 alike
    (16, 64),
    (16, 64),
    (32, 128),
    (32, 128),
    (48, 192),
    (48, 192),
    (64, 256),
    (64, 256),
)


class Fire(nn.Module):
    """1x1 convolutions squeeze the channels, 1x1 and 3x3 convolutions side by side expand them.

    Attributes:
        layers: the bound layers of the network.
        squeeze: output channels of the first.
        expand: of each of the others.
    Source: Iandola et al. 2016, figure 1.
    """

    layers: BoundLayers
    squeeze: int
    expand: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L = self.layers
        x = ConvUnit(L, self.squeeze, 1, name="squeeze")(x)
        sides = [ConvUnit(L, self.expand, kernel, name=f"expand{kernel}x{kernel}")(x) for kernel in (1, 3)]
        return L.attention(name="attention")(jnp.concatenate(sides, axis=-1))


class SqueezeNet(Network):
    """A convolution, eight fire modules with three poolings between, and a 1x1 convolution to the classes, averaged.

    At 224x224x3 and 1000 classes (top-1 / top-5 accuracy of table 2):

        name            parameters   MACs          accuracy
        squeezenet1_0   1,248,424    818,924,576   57.5 / 80.3
        squeezenet1_1   1,235,496    349,151,936   about the same

    The paper has neither norms nor attention: a norm stands at every convolution but the one to the classes, attention
    behind every fire module. The plane of the classes passes through the activation before it is averaged.

    Attributes:
        fires: squeeze and expand channels of every fire module, from fire2 on.
        pools: the layers, as the paper counts them, behind which a pooling stands.
        stem: channels, kernel and stride of conv1.
        small_images: conv1 is 3x3 with stride one, and no pooling follows it: strides 4 in all, not 16.
    """

    fires: tuple[tuple[int, int], ...] = FIRES
    pools: tuple[int, ...] = (1, 4, 8)
    stem: tuple[int, int, int] = (96, 7, 2)
    small_images: bool = False
    layers: Layers = Layers(norm="none", act="relu", dropout=0.5, paper_init="xavier_uniform")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = self._stem(L, x)
        stages = []
        for number, (squeeze, expand) in enumerate(self.fires, start=2):
            if number - 1 in self.pools and not (number == 2 and self.small_images):
                stages.append(x)
                x = L.pool(Window(3, 2, ceil=True), name=f"pool{number - 1}")(x)
            x = L.block(Fire)(L, squeeze, expand, name=f"fire{number}")(x)
        x = close_stages(L, x)
        return [*stages, x] if pyramid else self._classify(L, x)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        features, kernel, stride = self.stem
        if self.small_images:
            return ConvUnit(layers, features, 3, first=True, name="conv1")(x)
        return ConvUnit(layers, features, kernel, stride, padding=0, first=True, name="conv1")(x)

    def _classify(self, layers: BoundLayers, x: Images) -> Images:
        x = layers.dropout(name="dropout")(x)
        if self.num_classes:
            x = layers.conv(layers.before_act(self.num_classes), 1, name="head")(x)
            x = layers.act(name="head_act")(x)
        return layers.global_pool(name="global_pool")(x)


SQUEEZENETS = {
    "squeezenet1_0": SqueezeNet,
    "squeezenet1_1": functools.partial(SqueezeNet, pools=(1, 3, 5), stem=(64, 3, 2)),
}
