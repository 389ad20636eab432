"""The image transformation network: one pass gives an image the style that the network was trained for.

Johnson, Alahi & Fei-Fei 2016, "Perceptual losses for real-time style transfer and super-resolution" (1603.08155):
section 3.1 and table 1 of its supplement; in the form of github.com/pytorch/examples, fast_neural_style.
Ulyanov, Vedaldi & Lempitsky 2016, "Instance normalization: the missing ingredient for fast stylization" (1607.08022).
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import close_stages, residual
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration
from deepvision.types import Images


class TransformUnit(nn.Module):
    """y = x + conv(act(conv(x))), without an activation behind the sum, on planes mirrored at their borders.

    Attributes:
        layers: the bound layers of the network.
        depth: place in the network, from 0 to 1.
    Source: Johnson et al. 2016, supplement, after Gross & Wilber 2016.
    """

    layers: BoundLayers
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        return residual(self.layers, x, self._branch, depth=self.depth, activate=False)

    def _branch(self, x: Images) -> Images:
        unit = functools.partial(ConvUnit, self.layers, x.shape[-1], 3, padding=0)
        return unit(last=True, name="conv2")(_mirrored(unit(first=True, name="conv1")(_mirrored(x, 1)), 1))


class TransformNet(Restoration):
    """Two convolutions of stride 2 down, residual units, two doublings with convolutions up, all with mirrored borders.

    `transform_net` at 256x256x3: 1,677,635 parameters, 10,078,912,512 multiply-accumulates; 1,600 parameters less than
    the original, whose convolutions own biases that its norms cancel. The paper trained with batch norm; instance norm
    came after it, and stands here as in every later form. Inside, pixels go from 0 to 255. A doubling repeats each
    position, where the paper has transposed convolutions. The pyramid is that of the way up.

    Attributes:
        depth: residual units.
        width: channels of the finest level; each coarser one has twice as many.
    """

    num_classes: int = 3
    depth: int = 5
    width: int = 32
    layers: Layers = Layers(norm="instance", act="relu")
    image_shape: tuple[int, int, int] = (256, 256, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L, (height, width) = self.layers.bind(train), x.shape[1:3]
        unit = functools.partial(L.block(ConvUnit), L, padding=0)
        x = unit(self.width, 9, first=True, name="conv1")(_mirrored(255 * self.drop_inputs(L, x), 4))
        for level in (2, 3):
            x = unit(self.width * 2 ** (level - 1), 3, 2, name=f"conv{level}")(_mirrored(x, 1))
        depths = [index / max(self.depth - 1, 1) for index in range(self.depth)]
        block = L.block(TransformUnit)
        x = L.chain((block(L, depth, name=f"block{index}") for index, depth in enumerate(depths)), x)
        stages = [x]
        for level in (2, 1):
            x = x.repeat(2, axis=1).repeat(2, axis=2)
            x = unit(self.width * 2 ** (level - 1), 3, attend=True, name=f"up{level}")(_mirrored(x, 1))
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages[::-1]
        x = L.dropout(name="dropout")(x)
        if not self.num_classes:
            return x
        return L.conv(self.num_classes, 9, padding=0, name="head")(_mirrored(x, 4))[:, :height, :width] / 255


def _mirrored(x: Images, margin: int) -> Images:
    return jnp.pad(x, [(0, 0), (margin, margin), (margin, margin), (0, 0)], mode="reflect")


TRANSFORM_NETS = {"transform_net": TransformNet}
