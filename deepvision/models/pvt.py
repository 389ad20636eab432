"""Pyramid vision transformers of the second version: attention to a reduced plane, and convolutions for positions.

Wang et al. 2021, "PVT v2: improved baselines with pyramid vision transformer" (2106.13797): figures 1-2, tables 1-2.
Wang et al. 2021, "Pyramid vision transformer" (2102.12122): spatial-reduction attention, section 3.3.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from deepvision.layers.attention_product import dot_product_attention
from deepvision.layers.blocks import Head
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.transformer import check_heads, close_transformer, normed_residual
from deepvision.models.network import Network
from deepvision.types import Images

REDUCTIONS = (8, 4, 2, 1)  # sides of the squares of positions that make one key and value, per stage
HEADS = (1, 2, 5, 8)
RATIOS = (8, 8, 4, 4)  # hidden units of the perceptrons per channel


class OverlappingPatches(nn.Module):
    """A strided convolution whose windows overlap, and a norm: [n, h, w, c] -> [n, h / stride, w / stride, width].

    Attributes:
        layers: the bound layers of the network.
        width: output channels.
        kernel, stride: of the convolution.
    Source: Wang et al. 2021 (2106.13797), section 3.2 and figure 2(a).
    """

    layers: BoundLayers
    width: int
    kernel: int
    stride: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        x = self.layers.conv(self.width, self.kernel, self.stride, linear=True, name="proj")(x)
        return self.layers.second.norm(name="norm")(x)


class SpatialReductionAttention(nn.Module):
    """y = concat_h(softmax(q_h k_h^T / sqrt(d)) v_h) W_proj,  q = x W_q,  k, v = norm(reduce(x)) W_kv

    where a strided convolution makes one position of every square; with a reduction of 1, k, v = x W_kv.

    Attributes:
        layers: the bound layers of the network.
        heads: must divide the channels.
        reduction: side of the squares; a remainder of the plane has no keys.
    Source: Wang et al. 2021 (2102.12122), equations 1-4; no site.
    """

    layers: BoundLayers
    heads: int
    reduction: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L, (n, _, _, c) = self.layers, x.shape
        check_heads(self, c)
        q_nthd = L.dense(c, linear=True, name="q")(x).reshape(n, -1, self.heads, c // self.heads)
        seen = self._reduce(x) if self.reduction > 1 else x
        kv = L.dense(2 * c, linear=True, name="kv")(seen)
        k_nshd, v_nshd = jnp.moveaxis(kv.reshape(n, -1, 2, self.heads, c // self.heads), 2, 0)
        y = dot_product_attention(q_nthd, k_nshd, v_nshd)
        return L.dense(c, linear=True, name="proj")(y.reshape(x.shape))

    def _reduce(self, x: Images) -> Images:
        conv = self.layers.conv(x.shape[-1], self.reduction, self.reduction, padding=0, linear=True, name="sr")
        return self.layers.second.norm(name="norm")(conv(x))

    def macs(self, x: Images, y: Images) -> int:
        """Returns the multiply-accumulates of the two products; the projections count their own."""
        n, h, w, c = x.shape
        return 2 * n * h * w * (h // self.reduction) * (w // self.reduction) * c


class ConvolvedPerceptron(nn.Module):
    """y = act(dwconv(x W_1)) W_2, with dropout behind both: a 3x3 depthwise convolution, which knows positions.

    Attributes:
        layers: the bound layers of the network.
        hidden: units between the two.
    Source: Wang et al. 2021 (2106.13797), section 3.3 and figure 2(b).
    """

    layers: BoundLayers
    hidden: int

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L = self.layers
        hidden = L.before_act(self.hidden)
        y = L.dense(hidden, linear=True, name="fc1")(x)
        y = L.conv(hidden, 3, groups=hidden, linear=True, name="dwconv")(y)
        y = L.dropout(name="dropout1")(L.act(name="act")(y))
        y = L.dense(x.shape[-1], name="fc2")(y)
        return L.dropout(name="dropout2")(y)


class PVTBlock(nn.Module):
    """Spatial-reduction attention and a convolved perceptron on residual branches.

    Attributes:
        layers: the bound layers of the network.
        heads, reduction: of the attention.
        ratio: hidden units of the perceptron per channel.
        depth: place in the network, from 0 to 1.
    """

    layers: BoundLayers
    heads: int
    reduction: int
    ratio: float
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        x = normed_residual(self.layers, x, self._attend, 1, self.depth)
        mlp = ConvolvedPerceptron(self.layers, int(x.shape[-1] * self.ratio), name="mlp")
        return normed_residual(self.layers, x, mlp, 2, self.depth)

    def _attend(self, x: Images) -> Images:
        y = SpatialReductionAttention(self.layers, self.heads, self.reduction, name="attn")(x)
        return self.layers.dropout(name="dropout")(y)


class PVTv2(Network):
    """Four stages, each of overlapping patches, transformer blocks and a norm; mean of the positions, classifier.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 2):

        name        parameters  MACs
        pvt_v2_b0    3,666,760    566,065,664   70.5
        pvt_v2_b1   14,009,000  2,108,355,584   78.7
        pvt_v2_b2   25,362,856  4,026,734,592   82.0

    Positions are known by the zeros beyond the borders alone, so that weights do not depend on the image's size. The
    norms of patches and of reduced planes have an epsilon of 1e-5, the others of 1e-6, as in the authors' code.

    Attributes:
        stage_sizes: blocks per stage; each stage but the first halves the positions.
        widths: channels per stage.
        small_images: the first patches are those of the other stages, at stride 1: 3x3, which keeps the plane.
    """

    stage_sizes: tuple[int, ...] = (2, 2, 2, 2)
    widths: tuple[int, ...] = (64, 128, 320, 512)
    small_images: bool = False
    layers: Layers = Layers(
        norm="layer",
        act="gelu",
        placement="pre",
        drop_path=0.1,
        paper_init="truncated_normal",
        second={"norm": "layer(epsilon=1e-5)"},
    )

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = []
        for stage, (blocks, width) in enumerate(zip(self.stage_sizes, self.widths, strict=True)):
            x = OverlappingPatches(L, width, *self._patches(stage), name=f"embed{stage + 1}")(x)
            x = L.chain((self._block(L, stage, block) for block in range(blocks)), x)
            x = close_transformer(L, x, name=f"norm{stage + 1}")
            stages.append(x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _patches(self, stage: int) -> tuple[int, int]:
        """Returns kernel and stride of a stage's patches."""
        if stage:
            return 3, 2
        return (3, 1) if self.small_images else (7, 4)

    def _block(self, layers: BoundLayers, stage: int, block: int) -> PVTBlock:
        position = sum(self.stage_sizes[:stage]) + block
        return layers.block(PVTBlock)(
            layers,
            HEADS[stage],
            REDUCTIONS[stage],
            RATIOS[stage],
            depth=position / max(sum(self.stage_sizes) - 1, 1),
            name=f"layer{stage + 1}_{block}",
        )


PVTS = {
    "pvt_v2_b0": functools.partial(PVTv2, widths=(32, 64, 160, 256)),
    "pvt_v2_b1": PVTv2,
    "pvt_v2_b2": functools.partial(PVTv2, stage_sizes=(3, 4, 6, 3)),
}
