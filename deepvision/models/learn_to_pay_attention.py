"""VGG that classifies by what it attends to, at positions that the image as a whole points out.

Jetley et al. 2018, "Learn to pay attention" (1804.02391): figure 2, equations 1-4, section 3.1.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_one_of
from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit, DenseUnit
from deepvision.models.network import Network
from deepvision.types import Array, Images

UNPOOLED = 2  # stages that keep the size: their poolings stand at the end instead


class GlobalAttention(nn.Module):
    """y = sum_i a_i x_i over positions i, a = softmax_i(c_i), out of images and one vector g of the whole image.

        parametrised  c_i = u . (x_i + g)
        dot           c_i = x_i . g

    Where they have not equally many channels, a linear map brings g to those of x. The softmax over positions ignores
    what is the same at all of them: in the first form the share of g, whose map learns nothing there.

    Attributes:
        layers: the bound layers of the network.
        compatibility: "parametrised" or "dot".
    Source: Jetley et al. 2018, equations 1 and 2, section 3.1.
    """

    layers: BoundLayers
    compatibility: str

    @nn.compact
    def __call__(self, x: Images, g: Array) -> Array:
        L = self.layers
        n, channels = x.shape[0], x.shape[-1]
        x_ntc = x.reshape(n, -1, channels)
        g_nc = g if g.shape[-1] == channels else L.dense(channels, use_bias=False, name="project")(g)
        if self.compatibility == "dot":
            scores_nt = jnp.einsum("ntc,nc->nt", x_ntc, g_nc)
        else:
            scores_nt = L.dense(1, use_bias=False, name="score")(x_ntc + g_nc[:, None])[..., 0]
        weights_nt = jax.nn.softmax(scores_nt.astype(ops.accumulation_dtype(x))).astype(x.dtype)
        return jnp.einsum("nt,ntc->nc", weights_nt, x_ntc)

    def macs(self, x: Images, y: Array) -> int:
        """Returns the multiply-accumulates of the products with x; layers count their own."""
        return x.size * (2 if self.compatibility == "dot" else 1)


class AttentionVGG(Network):
    """VGG-16 whose first two poolings, each behind a convolution more, stand at the end; attention at several stages.

    At 32x32x3 and 10 classes:

        name          parameters    MACs           compatibility
        vgg_att2      19,713,482    3,786,680,320  parametrised
        vgg_att3      19,847,370    3,787,338,240  parametrised
        vgg_att3_dot  19,846,090    3,787,338,240  dot

    The vector of the whole image is that of a dense layer behind the last pooling; the classifier sees what the
    attended stages give, side by side, and nothing else. Attention over positions is what defines the network and
    is no site; the site of attention blocks is the end of each stage. The five poolings need 32 positions a side.
    Without classes, the features are what the classifier sees.

    Attributes:
        stage_sizes: convolutions per stage.
        width: channels of the first stage; each next one has twice as many, up to eight times.
        attended: how many of the last stages are attended to.
        compatibility: "parametrised" or "dot"; see `GlobalAttention`.
    """

    num_classes: int = 10
    stage_sizes: tuple[int, ...] = (2, 2, 3, 3, 3)
    width: int = 64
    attended: int = 3
    compatibility: str = "parametrised"
    layers: Layers = Layers(norm="batch", act="relu", paper_init="he_normal")
    image_shape: tuple[int, int, int] = (32, 32, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        self._check()
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        stages = []
        for stage in range(1, len(self.stage_sizes) + 1):
            x = self._stage(L, stage, x)
            stages.append(x)
            if stage > UNPOOLED:
                x = L.pool(Window(2), name=f"pool{stage}")(x)
        if pyramid:
            return stages
        for index in range(1, UNPOOLED + 1):
            x = ConvUnit(L, x.shape[-1], pool=Window(2), name=f"conv{len(stages) + 1}_{index}")(x)
        x = L.global_pool(name="pool")(close_stages(L, x))
        g = DenseUnit(L, x.shape[-1], name="fc")(x)
        seen = [
            GlobalAttention(L, self.compatibility, name=f"attention{stage}")(stages[stage - 1], g)
            for stage in range(len(stages) - self.attended + 1, len(stages) + 1)
        ]
        x = L.dropout(name="dropout")(jnp.concatenate(seen, axis=-1))
        return L.dense(self.num_classes, name="head")(x) if self.num_classes else x

    def _check(self) -> None:
        check_one_of("vgg_att", "compatibility", self.compatibility, ("parametrised", "dot"))
        if not 1 <= self.attended <= len(self.stage_sizes):
            raise UserError(f"vgg_att: attended must be 1 to {len(self.stage_sizes)} stages, got {self.attended}")

    def _stage(self, layers: BoundLayers, stage: int, x: Images) -> Images:
        for index in range(1, self.stage_sizes[stage - 1] + 1):
            unit = layers.block(ConvUnit)(
                layers,
                self.width * min(2 ** (stage - 1), 8),
                first=stage == index == 1,
                attend=index == self.stage_sizes[stage - 1],
                name=f"conv{stage}_{index}",
            )
            x = unit(x)
        return x


ATTENTION_VGGS = {
    "vgg_att2": functools.partial(AttentionVGG, attended=2),
    "vgg_att3": AttentionVGG,
    "vgg_att3_dot": functools.partial(AttentionVGG, compatibility="dot"),
}
