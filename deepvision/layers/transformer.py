"""What transformers are made of: patches, self-attention and a two-layer perceptron, each on a residual branch.

Vaswani et al. 2017, "Attention is all you need" (1706.03762), norm behind the sum;
Dosovitskiy et al. 2020, "An image is worth 16x16 words" (2010.11929), norm in front of the branch.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import flax.linen as nn
import jax.numpy as jnp

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.attention_product import dot_product_attention
from deepvision.layers.units import DenseUnit
from deepvision.types import Array, Images, Tokens, Transform

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


def check_heads(module: nn.Module, channels: int) -> None:
    """Raises a UserError unless the heads of an attention module divide its channels."""
    if module.heads < 1 or channels % module.heads:
        where = "/".join(module.path)
        raise UserError(f"attention at {where}: {module.heads} heads do not divide {channels} channels")


class SelfAttention(nn.Module):
    """y = concat_h(softmax(q_h k_h^T / sqrt(d)) v_h) W_proj, with q, k, v = x W_qkv split into heads of d channels.

    The softmax is what defines it and is no site; the projections take the kernel choice as every dense layer does.

    Attributes:
        layers: the bound layers of the network.
        heads: must divide the channels.
    Source: Vaswani et al. 2017, equation 1 and section 3.2.2.
    """

    layers: BoundLayers
    heads: int

    @nn.compact
    def __call__(self, x: Tokens) -> Tokens:
        L = self.layers
        n, t, c = x.shape
        check_heads(self, c)
        qkv = L.dense(3 * c, linear=True, name="qkv")(x)
        q_nthd, k_nthd, v_nthd = jnp.moveaxis(qkv.reshape(n, t, 3, self.heads, c // self.heads), 2, 0)
        y_nthd = dot_product_attention(q_nthd, k_nthd, v_nthd)
        return L.dense(c, linear=True, name="proj")(y_nthd.reshape(n, t, c))

    def macs(self, x: Tokens, y: Tokens) -> int:
        """Returns the multiply-accumulates of the two products; the projections count their own."""
        n, t, c = x.shape
        return 2 * n * t * t * c


class Perceptron(nn.Module):
    """y = act(x W_1) W_2 over the last axis, with dropout behind both: [n, ..., c] -> [n, ..., c].

    Attributes:
        layers: the bound layers of the network.
        hidden: units between the two.
    Source: Vaswani et al. 2017, equation 2; Dosovitskiy et al. 2020, equation 3.
    """

    layers: BoundLayers
    hidden: int

    @nn.compact
    def __call__(self, x: Array) -> Array:
        L = self.layers
        y = DenseUnit(L, self.hidden, linear=True, name="fc1")(x)
        y = L.dropout(name="dropout1")(y)
        y = L.dense(x.shape[-1], name="fc2")(y)
        return L.dropout(name="dropout2")(y)


class TransformerBlock(nn.Module):
    """Self-attention and perceptron on residual branches; see `normed_residual`.

    Attributes:
        layers: the bound layers of the network.
        heads: of the self-attention.
        ratio: hidden units of the perceptron per channel.
        depth: place in the network, from 0 to 1.
    Source: Dosovitskiy et al. 2020, equations 2-3.
    """

    layers: BoundLayers
    heads: int
    ratio: float
    depth: float

    @nn.compact
    def __call__(self, x: Tokens) -> Tokens:
        x = normed_residual(self.layers, x, self._attend, 1, self.depth)
        mlp = Perceptron(self.layers, int(x.shape[-1] * self.ratio), name="mlp")
        return normed_residual(self.layers, x, mlp, 2, self.depth)

    def _attend(self, x: Tokens) -> Tokens:
        y = SelfAttention(self.layers, self.heads, name="attn")(x)
        return self.layers.dropout(name="dropout")(y)


def normed_residual(
    layers: BoundLayers, x: Array, branch: Transform, number: int, depth: float, shortcut: Transform | None = None
) -> Array:
    """Returns the sum of x and a branch, with its norm; call it inside a compact method.

        pre:   y = shortcut(x) + drop_path(attention(branch(norm(x))))      Dosovitskiy et al. 2020, equations 2-3
        post:  y = norm(shortcut(x) + drop_path(attention(branch(x))))      Vaswani et al. 2017, section 3.1

    Args:
        layers: the bound layers of the network.
        x: [n, ..., c].
        branch: the residual function.
        number: of the branch in its block, for names.
        depth: the block's place in the network, from 0 to 1, for stochastic depth.
        shortcut: what makes x fit the branch's shape; None where it fits.
    Raises: UserError for a placement that is neither.
    """
    norm = layers.norm(name=f"norm{number}")
    y = branch(norm(x) if norm_comes_first(layers) else x)
    y = layers.attention(name=f"attention{number}")(y)
    y = (shortcut(x) if shortcut else x) + layers.drop_path(depth, name=f"drop_path{number}")(y)
    return ops.materialize(y if norm_comes_first(layers) else norm(y))


def norm_comes_first(layers: BoundLayers) -> bool:
    """Whether the norm stands in front of a branch (placement `pre`) or behind the sum (`post`)."""
    if layers.placement not in ("pre", "post"):
        raise UserError(
            f"placement {layers.placement!r} is of convolutions; the norm of a transformer stands 'pre' (in front of"
            " every branch) or 'post' (behind every sum)"
        )
    return layers.placement == "pre"


def close_transformer(layers: BoundLayers, x: Array, *, name: str = "norm") -> Array:
    """Returns what leaves the last block, normalized: under `post` it is so already."""
    return layers.norm(name=name)(x) if norm_comes_first(layers) else x


def embed_patches(layers: BoundLayers, x: Images, patch: int, width: int) -> Images:
    """Returns one token per patch, [n, h / patch, w / patch, width]: a convolution without a norm, "patch_embed".

    Raises: UserError if patches do not tile the image.
    Source: Dosovitskiy et al. 2020, equation 1.
    """
    h, w = x.shape[1:3]
    if h % patch or w % patch:
        raise UserError(f"an image of {h}x{w} does not fall into patches of {patch}x{patch}; resize it")
    return layers.conv(width, patch, patch, padding=0, linear=True, name="patch_embed")(x)
