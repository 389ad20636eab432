"""Vision transformers.

Dosovitskiy et al. 2020, "An image is worth 16x16 words: transformers for image recognition at scale" (2010.11929):
figure 1, equations 1-4, table 1; the tiny form as in Touvron et al. 2020, "Training data-efficient image transformers
& distillation through attention" (2012.12877), table 1.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.layers import BoundLayers, Layers
from deepvision.layers.transformer import TransformerBlock, close_transformer
from deepvision.models.network import Network
from deepvision.types import Images, Tokens


class ViT(Network):
    """Patches as tokens, a class token, learned positions, transformer blocks, and a classifier on the class token.

        name                   image      parameters    MACs
        vit_tiny_patch16_224   224x224x3   5,717,416    1,253,683,200    75.5 % top-1 (AugReg weights)
        vit_tiny_patch4_32     32x32x3     5,362,762      365,107,584
        vit_micro_patch4_32    32x32x3       142,026       10,880,128

    The patch embedding is a convolution without a norm; the norms are those of the blocks and the one that closes them.
    The pyramid has one stage, the patches as images [n, h, w, c]. The image's sides must be multiples of the patch;
    they decide the number of positions.

    Attributes:
        patch: side of a patch in pixels.
        width: channels of a token.
        depth: blocks.
        heads: of the self-attention.
        ratio: hidden units of the perceptrons per channel.
    """

    patch: int = 16
    width: int = 192
    depth: int = 12
    heads: int = 3
    ratio: float = 4.0
    layers: Layers = Layers(norm="layer", act="gelu", placement="pre", paper_init="truncated_normal")

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        n, h, w = x.shape[0], x.shape[1] // self.patch, x.shape[2] // self.patch
        x = self._embed(L, x)
        for index in range(self.depth):
            depth = index / max(self.depth - 1, 1)
            x = TransformerBlock(L, self.heads, self.ratio, depth, name=f"block{index}")(x)
        x = close_transformer(L, x)
        if pyramid:
            return [x[:, 1:].reshape(n, h, w, self.width)]
        x = x[:, 0]
        return L.dense(self.num_classes, linear=True, name="head")(x) if self.num_classes else x

    def _embed(self, layers: BoundLayers, x: Images) -> Tokens:
        """Returns the class token and the patches, with their positions: equation 1."""
        n, h, w = x.shape[:3]
        if h % self.patch or w % self.patch:
            raise UserError(f"an image of {h}x{w} does not fall into patches of {self.patch}x{self.patch}; resize it")
        x = layers.conv(self.width, self.patch, self.patch, padding=0, linear=True, name="patch_embed")(x)
        token = self.param("class_token", nn.initializers.zeros, (1, 1, self.width)).astype(x.dtype)
        x = jnp.concatenate([jnp.tile(token, (n, 1, 1)), x.reshape(n, -1, self.width)], axis=1)
        positions = self.param("positions", nn.initializers.normal(0.02), (1, *x.shape[1:]))
        return layers.dropout(name="dropout")(x + positions.astype(x.dtype))


_small = functools.partial(ViT, patch=4, num_classes=10, image_shape=(32, 32, 3))

VITS = {
    "vit_tiny_patch16_224": ViT,
    "vit_tiny_patch4_32": _small,
    "vit_micro_patch4_32": functools.partial(_small, width=64, depth=4, heads=4, ratio=2.0),
}
