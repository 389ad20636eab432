"""Vision transformers.

Dosovitskiy et al. 2020, "An image is worth 16x16 words: transformers for image recognition at scale" (2010.11929):
figure 1, equations 1-4, tables 1 and 5.
Touvron et al. 2020, "Training data-efficient image transformers & distillation through attention" (2012.12877): the
tiny and small forms of table 1, the distillation token of section 4, the results of table 7.
Beyer, Zhai & Kolesnikov 2022, "Better plain ViT baselines for ImageNet-1k" (2205.01580): section 2.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision.checks import check_one_of
from deepvision.errors import UserError
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.positions import resize_positions, sincos2d, square
from deepvision.layers.transformer import TransformerBlock, close_transformer, embed_patches
from deepvision.models.network import Network
from deepvision.types import Array, Images, Shape, Tokens

SMALL_PATCH = 4  # pixels on the side of a patch of small images

PAPER = Layers(norm="layer", act="gelu", placement="pre", paper_init="truncated_normal")


class ViT(Network):
    """Patches as tokens, a class token, learned positions, transformer blocks, and a classifier on the class token.

    At 1000 classes (top-1 accuracy on ImageNet without other images; ViT at 384x384, the others at 224x224):

        name                              image      parameters    MACs
        vit_tiny_patch16_224              224x224x3    5,717,416    1,253,683,200   75.5 (AugReg weights)
        vit_small_patch16_224             224x224x3   22,050,664    4,598,882,304
        vit_base_patch16_224, vit_b_16    224x224x3   86,567,656   17,563,828,224   77.9
        vit_b_32                          224x224x3   88,224,232    4,409,186,304   73.4
        vit_large_patch16_224, vit_l_16   224x224x3  304,326,632   61,554,712,576   76.5
        simple_vit_s16                    224x224x3   21,974,632    4,574,026,752   76.5 (90 epochs)
        deit_tiny_patch16_224             224x224x3    5,717,416    1,253,683,200   72.2
        deit_small_patch16_224            224x224x3   22,050,664    4,598,882,304   79.8
        deit_base_patch16_224             224x224x3   86,567,656   17,563,828,224   81.8
        deit_tiny_distilled_patch16_224   224x224x3    5,910,800    1,261,003,776   74.5
        deit_small_distilled_patch16_224  224x224x3   22,436,432    4,624,140,288   81.2
        deit_base_distilled_patch16_224   224x224x3   87,338,192   17,656,811,520   83.4
        vit_tiny_patch4_32                32x32x3      5,362,762      365,107,584
        vit_micro_patch4_32               32x32x3        142,026       10,880,128

    The patch embedding is a convolution without a norm; the norms are those of the blocks and the one that closes them.
    The pyramid has one stage, the patches as images [n, h, w, c]. The image's sides must be multiples of the patch;
    they decide the number of learned positions, which `resized` brings to another grid.

    Attributes:
        patch: side of a patch in pixels.
        small_images: patches of 4x4 pixels, whatever `patch` says.
        width: channels of a token.
        depth: blocks.
        heads: of the self-attention.
        ratio: hidden units of the perceptrons per channel.
        readout: what the classifier sees: the class "token", or the "mean" of the patches, with no class token (the
            site of the global pooling).
        positions: "learned", of all tokens, or "sincos2d", fixed, of the patches.
    """

    tokens: ClassVar[tuple[str, ...]] = ("class_token",)  # in front of the patches
    classifiers: ClassVar[tuple[str, ...]] = ("head",)  # one per such token

    patch: int = 16
    small_images: bool = False
    width: int = 192
    depth: int = 12
    heads: int = 3
    ratio: float = 4.0
    readout: str = "token"
    positions: str = "learned"
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        n, (h, w) = x.shape[0], self._grid(x.shape[1:])
        x = self._embed(L, x)
        block = functools.partial(L.block(TransformerBlock), L, self.heads, self.ratio)
        depths = [index / max(self.depth - 1, 1) for index in range(self.depth)]
        x = L.chain((block(depth, name=f"block{index}") for index, depth in enumerate(depths)), x)
        x = close_transformer(L, x)
        if pyramid:
            return [x[:, len(self._front) :].reshape(n, h, w, self.width)]
        return self._classify(L, x)

    def _embed(self, layers: BoundLayers, x: Images) -> Tokens:
        """Returns the tokens in front and the patches, with their positions: equation 1."""
        check_one_of("vision transformer", "readout", self.readout, ("token", "mean"))
        check_one_of("vision transformer", "positions", self.positions, ("learned", "sincos2d"))
        n, grid = x.shape[0], self._grid(x.shape[1:])
        x = embed_patches(layers, x, self._side, self.width).reshape(n, -1, self.width)
        if self.positions == "sincos2d":
            x = x + jnp.asarray(sincos2d(grid, self.width), x.dtype)
        tokens = [self.param(name, nn.initializers.zeros, (1, 1, self.width)) for name in self._front]
        x = jnp.concatenate([*(jnp.tile(token.astype(x.dtype), (n, 1, 1)) for token in tokens), x], axis=1)
        if self.positions == "learned":
            x = x + self.param("positions", nn.initializers.normal(0.02), (1, *x.shape[1:])).astype(x.dtype)
        return layers.dropout(name="dropout")(x)

    def _classify(self, layers: BoundLayers, x: Tokens) -> Array:
        """Returns the logits, or without classes what the classifiers see; the mean where there are several."""
        if self.readout == "mean":
            seen = [layers.global_pool(name="pool")(x)]
        else:
            seen = [x[:, index] for index in range(len(self._front))]
        if self.num_classes:
            heads = zip(self.classifiers, seen, strict=True)
            seen = [layers.dense(self.num_classes, linear=True, name=name)(y) for name, y in heads]
        return sum(seen) / len(seen)

    @property
    def _side(self) -> int:
        return SMALL_PATCH if self.small_images else self.patch

    @property
    def _front(self) -> tuple[str, ...]:
        return () if self.readout == "mean" else self.tokens

    def _grid(self, image_shape: Shape) -> tuple[int, int]:
        return image_shape[0] // self._side, image_shape[1] // self._side

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> np.ndarray | None:
        """See `Network`: the positions of square grids."""
        if path != "positions":
            return None
        front = len(self._front)
        old, new = square(value.shape[1] - front), square(shape[1] - front)
        return np.asarray(resize_positions(value, front, (old, old), (new, new))) if old and new else None


class DistilledViT(ViT):
    """A vision transformer with a distillation token beside the class token, and a classifier on each.

    The logits are the mean of both classifiers', in training too (in the paper's, a teacher trains the second alone).
    Names and figures stand with `ViT`. Source: Touvron et al. 2020, section 4.
    """

    tokens: ClassVar[tuple[str, ...]] = ("class_token", "distillation_token")
    classifiers: ClassVar[tuple[str, ...]] = ("head", "distillation_head")

    def _embed(self, layers: BoundLayers, x: Images) -> Tokens:
        if self.readout != "token":
            raise UserError("distilled vision transformer: its classifiers read their tokens; use readout 'token'")
        return super()._embed(layers, x)


_SIZES = {
    "tiny": dict(width=192, heads=3),
    "small": dict(width=384, heads=6),
    "base": dict(width=768, heads=12),
    "large": dict(width=1024, heads=16, depth=24),
}
_tiny, _small, _base, _large = (functools.partial(ViT, **fields) for fields in _SIZES.values())
_thumbnail = functools.partial(_tiny, patch=4, num_classes=10, image_shape=(32, 32, 3))
_DEIT = PAPER.replace({"drop_path": 0.1})

VITS = {
    **{f"vit_{size}_patch16_224": functools.partial(ViT, **fields) for size, fields in _SIZES.items()},
    "vit_b_16": _base,
    "vit_b_32": functools.partial(_base, patch=32),
    "vit_l_16": _large,
    "simple_vit_s16": functools.partial(_small, readout="mean", positions="sincos2d"),
    "vit_tiny_patch4_32": _thumbnail,
    "vit_micro_patch4_32": functools.partial(_thumbnail, width=64, depth=4, heads=4, ratio=2.0),
    **{
        f"deit_{size}_{form}patch16_224": functools.partial(network, layers=_DEIT, **_SIZES[size])
        for size in ("tiny", "small", "base")
        for form, network in (("", ViT), ("distilled_", DistilledViT))
    },
}
