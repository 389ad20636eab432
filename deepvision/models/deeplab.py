"""DeepLab: dilated convolutions look at several scales at once.

Chen et al. 2017, "Rethinking atrous convolution for semantic image segmentation" (1706.05587): figure 5, section 3.3.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.fcn import FCN
from deepvision.models.resnet import PAPER
from deepvision.types import Images


class AtrousSpatialPyramidPooling(nn.Module):
    """Convolutions side by side, 1x1 and 3x3 at several dilations, and the mean over the plane; joined by one more.

    What the mean gives is the same at all positions.

    Attributes:
        layers: the bound layers of the network.
        features: output channels, of each convolution too.
        rates: dilations of the 3x3 convolutions.
    """

    layers: BoundLayers
    features: int
    rates: tuple[int, ...]

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L = self.layers
        branches = [ConvUnit(L, self.features, 1, first=True, name="branch0")(x)]
        for index, rate in enumerate(self.rates, start=1):
            branches.append(ConvUnit(L, self.features, 3, dilation=rate, first=True, name=f"branch{index}")(x))
        mean = L.global_pool(name="pool")(x)[:, None, None]
        mean = ConvUnit(L, self.features, 1, first=True, name="image")(mean)
        branches.append(jnp.broadcast_to(mean, branches[0].shape))
        return ConvUnit(L, self.features, 1, name="project")(jnp.concatenate(branches, axis=-1))


class DeepLabV3(FCN):
    """A residual network, atrous spatial pyramid pooling, a 3x3 convolution, and the rest as in `FCN`.

        name                parameters    MACs at 224x224x3   mean IoU, pixels right
        deeplabv3_resnet50  39,638,869    31,310,548,992      66.4 %, 92.4 % (torchvision's weights, COCO, of VOC)

    As in torchvision: the rates are those of an output stride of 8, dropout comes behind the pyramid, and the 3x3
    convolution is not in the paper.

    Attributes:
        hidden: channels of the convolutions behind the backbone.
        rates: dilations of the pyramid; larger than the plane, a 3x3 convolution sees no more than its centre.
    """

    hidden: int = 256
    rates: tuple[int, ...] = (12, 24, 36)
    layers: Layers = PAPER.replace({"dropout": 0.5})

    def _decode(self, layers: BoundLayers, x: Images) -> Images:
        x = AtrousSpatialPyramidPooling(layers, self.hidden, self.rates, name="pyramid")(x)
        x = ConvUnit(layers, self.hidden, 3, drop_inputs=True, name="conv1")(x)
        return close_stages(layers, x)


DEEPLABS = {"deeplabv3_resnet50": DeepLabV3}
