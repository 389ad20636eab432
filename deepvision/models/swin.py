"""Swin: transformers whose attention looks at windows, shifted from block to block, over a pyramid of resolutions.

Liu et al. 2021, "Swin transformer: hierarchical vision transformer using shifted windows" (2103.14030): figure 3,
tables 1 and 7, section 3.
Lee, Lee & Song 2021, "Vision transformer for small-size datasets" (2112.13492): patches and windows for small images.
"""

from __future__ import annotations

import functools

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision.layers.attention_product import dot_product_attention
from deepvision.layers.blocks import Head
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.linear import Pair
from deepvision.layers.positions import offset_of_pairs, resize_square_table
from deepvision.layers.transformer import (
    Perceptron,
    check_heads,
    close_transformer,
    norm_comes_first,
    normed_residual,
)
from deepvision.models.network import Network
from deepvision.types import Array, Images, Shape

PAPER = Layers(norm="layer(epsilon=1e-5)", act="gelu", placement="pre", paper_init="truncated_normal")


class Windows:
    """The windows of a plane: it is padded with zeros at its far sides until they tile it, and may be shifted.

    Attributes:
        side: of a window.
        plane: (h, w) before padding.
        shift: by how many positions the plane is rolled back, per axis; along an axis with one window it is not.
    Source: Liu et al. 2021, section 3.2 and figure 4; padding as in torchvision.
    """

    def __init__(self, side: int, plane: Pair, shifted: bool) -> None:
        self.side, self.plane = side, plane
        self.grid = tuple(-(-size // side) for size in plane)  # windows per axis
        self.padded = tuple(count * side for count in self.grid)
        self.shift = tuple(side // 2 if shifted and count > 1 else 0 for count in self.grid)

    def split(self, x: Images) -> Array:
        """Returns [n, h, w, c] as [n, windows, side^2, c]."""
        (h, w), (rows, columns) = self.plane, self.grid
        x = jnp.pad(x, ((0, 0), (0, self.padded[0] - h), (0, self.padded[1] - w), (0, 0)))
        x = jnp.roll(x, (-self.shift[0], -self.shift[1]), (1, 2))
        x = x.reshape(-1, rows, self.side, columns, self.side, x.shape[-1]).swapaxes(2, 3)
        return x.reshape(-1, rows * columns, self.side**2, x.shape[-1])

    def join(self, x: Array) -> Images:
        """Returns [n, windows, side^2, c] as [n, h, w, c]; undoes `split`."""
        x = x.reshape(-1, *self.grid, self.side, self.side, x.shape[-1]).swapaxes(2, 3)
        x = jnp.roll(x.reshape(-1, *self.padded, x.shape[-1]), self.shift, (1, 2))
        return x[:, : self.plane[0], : self.plane[1]]

    def apart(self) -> Array | None:
        """Returns which pairs of a window do not belong together, [windows, side^2, side^2]; None if there are none.

        A shifted plane's last windows hold what was rolled in from the other side.
        """
        if not any(self.shift):
            return None
        parts = [self._parts(*axis) for axis in zip(self.padded, self.shift, strict=True)]
        label = (3 * parts[0][:, None] + parts[1]).reshape(self.grid[0], self.side, self.grid[1], self.side)
        label = jnp.asarray(label.swapaxes(1, 2).reshape(-1, self.side**2))
        return label[:, :, None] != label[:, None, :]

    def _parts(self, size: int, shift: int) -> np.ndarray:
        """Returns for each position of an axis whether it is in whole windows, at the end, or rolled in."""
        places = np.arange(size)
        return (places >= size - self.side).astype(int) + (places >= size - shift)


class WindowAttention(nn.Module):
    """Self-attention within windows, with a learned bias for every offset between two positions and every head.

        y = concat_h(softmax(q_h k_h^T / sqrt(d) + B_h) v_h) W_proj,  B_h[i, j] = table[offset of i from j, h]

    Attributes:
        layers: the bound layers of the network.
        heads: must divide the channels.
        window: side of a window.
        shifted: by half a window, where there are several.
    Source: Liu et al. 2021, equation 4; no site.
    """

    layers: BoundLayers
    heads: int
    window: int
    shifted: bool

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L, c = self.layers, x.shape[-1]
        check_heads(self, c)
        windows = Windows(self.window, x.shape[1:3], self.shifted)
        x = windows.split(x)
        qkv = L.dense(3 * c, linear=True, name="qkv")(x)
        q, k, v = jnp.moveaxis(qkv.reshape(*x.shape[:-1], 3, self.heads, c // self.heads), -3, 0)
        bias_hts, apart_nts = self._relative(), windows.apart()
        if apart_nts is not None:
            bias_hts = jnp.where(apart_nts[:, None], -jnp.inf, bias_hts)
        y = dot_product_attention(q, k, v, bias_hts).reshape(x.shape)
        return windows.join(L.dense(c, linear=True, name="proj")(y))

    def _relative(self) -> Array:
        """Returns the bias of every pair of positions in a window, [heads, side^2, side^2]."""
        pairs = offset_of_pairs((self.window, self.window))
        shape = (pairs.max() + 1, self.heads)
        table = self.param("relative_positions", nn.initializers.truncated_normal(0.02), shape)
        return jnp.moveaxis(table[pairs], -1, 0)

    def macs(self, x: Images, y: Images) -> int:
        """Returns the multiply-accumulates of the two products; the projections count their own."""
        padded = Windows(self.window, x.shape[1:3], self.shifted).padded
        return 2 * x.shape[0] * padded[0] * padded[1] * self.window**2 * x.shape[-1]


class SwinBlock(nn.Module):
    """Window attention and a perceptron on residual branches. Source: Liu et al. 2021, equation 3 and figure 3(b).

    Attributes:
        layers: the bound layers of the network.
        heads, window, shifted: of the attention.
        ratio: hidden units of the perceptron per channel.
        depth: place in the network, from 0 to 1.
    """

    layers: BoundLayers
    heads: int
    window: int
    shifted: bool
    ratio: float
    depth: float

    @nn.compact
    def __call__(self, x: Images) -> Images:
        x = normed_residual(self.layers, x, self._attend, 1, self.depth)
        mlp = Perceptron(self.layers, int(x.shape[-1] * self.ratio), name="mlp")
        return normed_residual(self.layers, x, mlp, 2, self.depth)

    def _attend(self, x: Images) -> Images:
        y = WindowAttention(self.layers, self.heads, self.window, self.shifted, name="attn")(x)
        return self.layers.dropout(name="dropout")(y)


class PatchMerging(nn.Module):
    """Every 2x2 positions become one of twice the channels: [n, h, w, c] -> [n, h / 2, w / 2, 2c], rounded up.

        pre:   y = norm(concat(x)) W;    post:  y = norm(concat(x) W);    W owns no bias

    Source: Liu et al. 2021, section 3.1.
    """

    layers: BoundLayers

    @nn.compact
    def __call__(self, x: Images) -> Images:
        L, (h, w, c) = self.layers, x.shape[1:]
        x = jnp.pad(x, ((0, 0), (0, h % 2), (0, w % 2), (0, 0)))
        x = jnp.concatenate([x[:, row::2, column::2] for column in (0, 1) for row in (0, 1)], axis=-1)
        norm = L.norm(name="norm")
        reduce = L.dense(2 * c, use_bias=False, linear=True, name="reduction")
        return reduce(norm(x)) if norm_comes_first(L) else norm(reduce(x))


class Swin(Network):
    """Patches, and four stages of transformer blocks that attend within windows; mean of the positions, classifier.

    At 224x224x3 and 1000 classes (top-1 accuracy of table 1(a)):

        name                                   parameters  MACs
        swin_t, swin_tiny_patch4_window7_224   28,288,354   4,490,566,656   81.3
        swin_s, swin_small_patch4_window7_224  49,606,258   8,740,875,264   83.0
        swin_b, swin_base_patch4_window7_224   87,768,224  15,430,946,816   83.5

    Images of any size are padded to whole windows, stage by stage; a remainder of the patches is not seen. Positions
    are known by their offsets in a window alone, so that weights do not depend on the image's size.

    Attributes:
        stage_sizes: blocks per stage; each stage but the first halves the positions and doubles the channels.
        width: channels of the first stage.
        head_width: channels of an attention head.
        patch: side of a patch in pixels.
        window: positions on the side of a window.
        ratio: hidden units of the perceptrons per channel.
        small_images: patches of 2x2 pixels and windows of 4x4, whatever `patch` and `window` say, as Lee et al. 2021
            take them for CIFAR.
    """

    stage_sizes: tuple[int, ...] = (2, 2, 6, 2)
    width: int = 96
    head_width: int = 32
    patch: int = 4
    window: int = 7
    ratio: float = 4.0
    small_images: bool = False
    layers: Layers = PAPER.replace({"drop_path": 0.2})

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        patch = 2 if self.small_images else self.patch
        x = L.input_dropout(name="input_dropout")(x)
        x = L.conv(self.width, patch, patch, padding=0, linear=True, name="patch_embed")(x)
        x = L.dropout(name="dropout")(L.norm(name="patch_norm")(x))
        stages = []
        for stage, blocks in enumerate(self.stage_sizes):
            x = PatchMerging(L, name=f"merge{stage}")(x) if stage else x
            x = L.chain((self._block(L, stage, block) for block in range(blocks)), x)
            stages.append(x)
        stages[-1] = x = close_transformer(L, x)
        return stages if pyramid else Head(L, self.num_classes, name="head")(x)

    def _block(self, layers: BoundLayers, stage: int, block: int) -> SwinBlock:
        position = sum(self.stage_sizes[:stage]) + block
        return layers.block(SwinBlock)(
            layers,
            heads=self.width * 2**stage // self.head_width,
            window=4 if self.small_images else self.window,
            shifted=block % 2 == 1,
            ratio=self.ratio,
            depth=position / max(sum(self.stage_sizes) - 1, 1),
            name=f"layer{stage + 1}_{block}",
        )

    def resized(self, path: str, value: np.ndarray, shape: Shape) -> np.ndarray | None:
        """See `Network`: tables of relative positions, for another window."""
        return resize_square_table(value, shape) if path.endswith("relative_positions") else None


_FORMS = {
    ("t", "tiny"): functools.partial(Swin),
    ("s", "small"): functools.partial(Swin, stage_sizes=(2, 2, 18, 2), layers=PAPER.replace({"drop_path": 0.3})),
    ("b", "base"): functools.partial(
        Swin, stage_sizes=(2, 2, 18, 2), width=128, layers=PAPER.replace({"drop_path": 0.5})
    ),
}

SWINS = {
    **{f"swin_{letter}": form for (letter, _), form in _FORMS.items()},
    **{f"swin_{size}_patch4_window7_224": form for (_, size), form in _FORMS.items()},
}
