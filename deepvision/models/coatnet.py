"""CoAtNet: convolutions where planes are large, attention relative to position where they are small.

Dai et al. 2021, "CoAtNet: marrying convolution and attention for all data sizes" (2106.04803): equation 3, table 3,
appendix A.1.
"""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision.layers.attention_product import dot_product_attention
from deepvision.layers.blocks import Head
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import InvertedResidual
from deepvision.layers.pooling import Window
from deepvision.layers.positions import offset_of_pairs, resize_square_table
from deepvision.layers.transformer import (
    Perceptron,
    check_heads,
    close_transformer,
    normed_residual,
)
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images, Shape, Transform

HALVES = Window(3, 2, padding=1)  # the pooling that halves a plane, rounded up
EXPANSION = 4  # hidden channels per channel, in the inverted residuals and the perceptrons


def pooled_projection(layers: BoundLayers, features: int, stride: int) -> Transform:
    """Makes a shortcut fit: pooling where the plane is halved, and a linear 1x1 convolution."""

    def shortcut(x: Images) -> Images:
        x = layers.pool(HALVES, name="shortcut_pool")(x) if stride > 1 else x
        return ConvUnit(layers, features, 1, first=True, linear=True, name="shortcut")(x)

    return shortcut


class RelativeAttention(nn.Module):
    """Self-attention over the plane, with a learned bias for every offset between two positions and every head.

        y = concat_h(softmax(q_h k_h^T / sqrt(d) + B_h) v_h) W_proj,  B_h[i, j] = table[offset of i from j, h]

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        heads: must divide them.
    Source: Dai et al. 2021, equation 3 (y^pre); no site.
    """

    layers: BoundLayers
    features: int
    heads: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L, (n, h, w, _) = self.layers, x.shape
        check_heads(self, self.features)
        qkv = L.dense(3 * self.features, linear=True, name="qkv")(x)
        q, k, v = jnp.moveaxis(qkv.reshape(n, h * w, 3, self.heads, -1), 2, 0)
        pairs = offset_of_pairs((h, w))
        shape = (pairs.max() + 1, self.heads)
        table = self.param("relative_positions", nn.initializers.truncated_normal(0.02), shape)
        y = dot_product_attention(q, k, v, jnp.moveaxis(table[pairs], -1, 0))
        return L.dense(self.features, linear=True, name="proj")(y.reshape(n, h, w, self.features))

    def macs(self, x: Images, y: Images) -> int:
        """Returns the multiply-accumulates of the two products; the projections count their own."""
        n, h, w, c = y.shape
        return 2 * n * (h * w) ** 2 * c


class RelativeBlock(nn.Module):
    """Relative attention and a perceptron on residual branches.

    Where the plane is halved, attention and shortcut pool what they see: y = proj(pool(x)) + attention(pool(norm(x))).

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        head_width: channels of an attention head.
        stride: of the block.
        depth: place in the network, from 0 to 1.
    Source: Dai et al. 2021, appendix A.1.
    """

    layers: BoundLayers
    features: int
    head_width: int
    stride: int
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L = self.layers
        fits = self.stride == 1 and x.shape[-1] == self.features
        shortcut = None if fits else pooled_projection(L, self.features, self.stride)
        x = normed_residual(L, x, self._attend, 1, self.depth, shortcut)
        return normed_residual(L, x, Perceptron(L, EXPANSION * self.features, name="mlp"), 2, self.depth)

    def _attend(self, x: Images) -> Images:
        L = self.layers
        x = L.pool(HALVES, name="pool")(x) if self.stride > 1 else x
        x = RelativeAttention(L, self.features, self.features // self.head_width, name="attn")(x)
        return L.dropout(name="dropout")(x)


class CoAtNet(Network):
    """A convolutional stem, two stages of inverted residuals, two of transformers; mean of the positions, classifier.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 4, which counts 25 M parameters and 4.2 G):

        name       parameters  MACs
        coatnet_0  25,218,740  4,142,072,832   81.6

    Every stage halves the plane at its first block: the inverted residuals by the stride of their expansion, the
    transformers by a pooling, for which the paper states no window; it is 3x3, which halves odd planes as strides do.
    The norms of convolutions are the second kind of layers, as are the attention blocks in the inverted residuals,
    whose bottleneck is a quarter of their channels. A branch begins with a norm (placement "pre"); those attention
    blocks stand directly behind the depthwise convolution, in front of the next norm. The table of relative positions
    goes by the plane: `resized` brings it to another square one.

    Attributes:
        stage_sizes: units of the five stages: convolutions of the stem, inverted residuals, transformers.
        widths: channels of the five stages.
        head_width: channels of an attention head.
        small_images: the stem keeps the plane.
    """

    stage_sizes: tuple[int, ...] = (2, 2, 3, 5, 2)
    widths: tuple[int, ...] = (64, 96, 192, 384, 768)
    head_width: int = 32
    small_images: bool = False
    layers: Layers = Layers(
        norm="layer", act="gelu", placement="pre", drop_path=0.2, second={"norm": "batch", "attention": "se"}
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = self._stem(L, L.input_dropout(name="input_dropout")(x))
        stages = [x]
        for stage in range(1, len(self.stage_sizes)):
            x = L.chain((self._block(L, stage, index) for index in range(self.stage_sizes[stage])), x)
            stages.append(x)
        stages[-1] = x = close_transformer(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        for index in range(self.stage_sizes[0]):
            stride = 1 if index or self.small_images else 2
            last = index == self.stage_sizes[0] - 1
            unit = ConvUnit(
                layers.second, self.widths[0], 3, stride, stem=not last, first=last, name=f"conv{index + 1}"
            )
            x = unit(x)
        return x

    def _block(self, layers: BoundLayers, stage: int, index: int) -> Transform:
        place = sum(self.stage_sizes[1:stage]) + index
        depth = place / max(sum(self.stage_sizes[1:]) - 1, 1)
        stride, name, features = 1 if index else 2, f"layer{stage}_{index}", self.widths[stage]
        if stage > 2:
            block = layers.block(RelativeBlock)
            return block(layers, features, self.head_width, stride, depth, name=name)
        return layers.block(InvertedResidual)(
            layers.second,
            features,
            EXPANSION * features,
            stride=stride,
            squeeze=features,
            depth=depth,
            shortcut=pooled_projection,
            expand_strides=True,
            name=name,
        )

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> Array | None:
        """See `Network`: tables of relative positions, for another plane."""
        return resize_square_table(value, shape) if path.endswith("relative_positions") else None


COATNETS = {"coatnet_0": CoAtNet}
