"""ConvNeXt: a convolutional network that takes over what made vision transformers good.

Liu et al. 2022, "A ConvNet for the 2020s" (2201.03545): section 3, figure 4, tables 1, 5 and 9.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.transformer import Perceptron
from deepvision.models.network import Network
from deepvision.types import Images

PAPER = Layers(norm="layer(epsilon=1e-6)", act="gelu", drop_path=0.1, paper_init="truncated_normal")


class Block(nn.Module):
    """A 7x7 depthwise convolution, a norm and a perceptron, on a residual branch that is scaled per channel.

        post:  y = x + drop_path(scale attention(mlp(norm(conv(x)))))      the paper's
        pre:   y = x + drop_path(scale attention(mlp(conv(norm(x)))))      as in a transformer

    Attributes:
        layers: the bound layers of the network.
        depth: place in the network, from 0 to 1.
    Raises: UserError for any other placement: there is no activation behind the convolution.
    Source: Liu et al. 2022, figure 4; layer scale: Touvron et al. 2021 (2103.17239), section 2, starting at 1e-6.
    """

    layers: BoundLayers
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L, channels = self.layers, x.shape[-1]
        norm = L.norm(name="norm")
        conv = L.conv(channels, 7, groups=channels, linear=True, name="conv")
        y = conv(norm(x)) if _norm_comes_first(L) else norm(conv(x))
        y = Perceptron(L, 4 * channels, name="mlp")(y)
        scale = self.param("layer_scale", nn.initializers.constant(1e-6), (channels,))
        y = scale.astype(y.dtype) * L.attention(name="attention")(y)
        return ops.materialize(x + L.drop_path(self.depth, name="drop_path")(y))


def _norm_comes_first(layers: BoundLayers) -> bool:
    """Whether the norm stands in front of the depthwise convolution or behind it."""
    if layers.placement not in ("pre", "post"):
        raise UserError(
            f"placement {layers.placement!r} puts the norm behind an activation, and ConvNeXt has none behind its"
            " depthwise convolutions: use 'post' (behind them, as in the paper) or 'pre' (in front of them)"
        )
    return layers.placement == "pre"


class ConvNeXt(Network):
    """Patches of 4x4, four stages of blocks with 2x2 convolutions of stride two between, and a classifier.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 1):

        name             parameters    MACs             accuracy
        convnext_tiny     28,589,128    4,455,531,264   82.1
        convnext_small    50,223,688    8,683,712,256   83.1
        convnext_base     88,591,464   15,354,729,472   83.8
        convnext_large   197,767,336   34,361,433,600   84.3

    As in transformers, every convolution owns a bias whatever norm follows. Norms stand in the blocks (see `Block`),
    behind the patches, in front of the convolutions between the stages, and behind the global pooling.

    Attributes:
        stage_sizes: blocks per stage.
        widths: channels of every stage.
        small_images: a 3x3 convolution of stride one in place of the patches: strides 8 in all, not 32.
    """

    stage_sizes: tuple[int, ...] = (3, 3, 9, 3)
    widths: tuple[int, ...] = (96, 192, 384, 768)
    small_images: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages, position = [], 0
        for stage, (blocks, width) in enumerate(zip(self.stage_sizes, self.widths, strict=True), start=1):
            x = self._downsample(L, x, stage, width) if stages else self._stem(L, x, width)
            depths = [(position + index) / max(sum(self.stage_sizes) - 1, 1) for index in range(blocks)]
            block = L.block(Block)
            x = L.chain((block(L, depth, name=f"layer{stage}_{index}") for index, depth in enumerate(depths)), x)
            position += blocks
            stages.append(x)
        if pyramid:
            return stages
        x = L.norm(name="norm")(L.global_pool(name="pool")(x))
        x = L.dropout(name="dropout")(x)
        return L.dense(self.num_classes, linear=True, name="head")(x) if self.num_classes else x

    def _stem(self, layers: BoundLayers, x: Images, width: int) -> Images:
        kernel, stride = (3, 1) if self.small_images else (4, 4)
        padding = None if self.small_images else 0
        x = layers.conv(width, kernel, stride, padding=padding, linear=True, name="conv1")(x)
        return layers.norm(name="norm1")(x)

    def _downsample(self, layers: BoundLayers, x: Images, stage: int, width: int) -> Images:
        x = layers.norm(name=f"norm{stage}")(x)
        return layers.conv(width, 2, 2, padding=0, linear=True, name=f"conv{stage}")(x)


_base = functools.partial(ConvNeXt, stage_sizes=(3, 3, 27, 3))

CONVNEXTS = {
    "convnext_tiny": ConvNeXt,
    "convnext_small": functools.partial(_base, layers=PAPER.replace({"drop_path": 0.4})),
    "convnext_base": functools.partial(_base, widths=(128, 256, 512, 1024), layers=PAPER.replace({"drop_path": 0.5})),
    "convnext_large": functools.partial(_base, widths=(192, 384, 768, 1536), layers=PAPER.replace({"drop_path": 0.5})),
}
