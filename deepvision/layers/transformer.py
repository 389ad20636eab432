"""The blocks that transformers are made of: self-attention and a two-layer perceptron, each on a residual branch.

Vaswani et al. 2017, "Attention is all you need" (1706.03762), norm behind the sum;
Dosovitskiy et al. 2020, "An image is worth 16x16 words" (2010.11929), norm in front of the branch.
"""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.blocks import DenseUnit
from deepvision.types import Array, Tokens, Transform

if TYPE_CHECKING:
    from deepvision.layers.layers import BoundLayers


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
        if self.heads < 1 or c % self.heads:
            raise UserError(f"attention at {'/'.join(self.path)}: {self.heads} heads do not divide {c} channels")
        d = c // self.heads
        qkv = L.dense(3 * c, linear=True, name="qkv")(x)
        q_nthd, k_nthd, v_nthd = jnp.moveaxis(qkv.reshape(n, t, 3, self.heads, d), 2, 0)
        logits_nhts = jnp.einsum("nthd,nshd->nhts", q_nthd / math.sqrt(d), k_nthd)
        weights_nhts = jax.nn.softmax(logits_nhts.astype(ops.accumulation_dtype(x))).astype(v_nthd.dtype)
        y_nthd = jnp.einsum("nhts,nshd->nthd", weights_nhts, v_nthd)
        return L.dense(c, linear=True, name="proj")(y_nthd.reshape(n, t, c))

    def macs(self, x: Tokens, y: Tokens) -> int:
        """Returns the multiply-accumulates of the two products; the projections count their own."""
        n, t, c = x.shape
        return 2 * n * t * t * c


class Perceptron(nn.Module):
    """y = act(x W_1) W_2 for every token, with dropout behind both: [n, t, c] -> [n, t, c].

    Attributes:
        layers: the bound layers of the network.
        ratio: hidden units per channel.
    Source: Vaswani et al. 2017, equation 2; Dosovitskiy et al. 2020, equation 3.
    """

    layers: BoundLayers
    ratio: float

    @nn.compact
    def __call__(self, x: Tokens) -> Tokens:
        L = self.layers
        y = DenseUnit(L, int(x.shape[-1] * self.ratio), linear=True, name="fc1")(x)
        y = L.dropout(name="dropout1")(y)
        y = L.dense(x.shape[-1], name="fc2")(y)
        return L.dropout(name="dropout2")(y)


class TransformerBlock(nn.Module):
    """Self-attention and perceptron on residual branches, each followed by the attention choice and drop path.

        pre:   y = x + branch(norm(x))      Dosovitskiy et al. 2020, equations 2-3
        post:  y = norm(x + branch(x))      Vaswani et al. 2017, section 3.1

    Attributes:
        layers: the bound layers of the network.
        heads: of the self-attention.
        ratio: hidden units of the perceptron per channel.
        depth: place in the network, from 0 to 1.
    Raises: UserError for a placement that is neither.
    """

    layers: BoundLayers
    heads: int
    ratio: float
    depth: float

    @nn.compact
    def __call__(self, x: Tokens) -> Tokens:
        x = self._residual(x, self._attend, "1")
        return self._residual(x, Perceptron(self.layers, self.ratio, name="mlp"), "2")

    def _attend(self, x: Tokens) -> Tokens:
        y = SelfAttention(self.layers, self.heads, name="attn")(x)
        return self.layers.dropout(name="dropout")(y)

    def _residual(self, x: Tokens, branch: Transform, number: str) -> Tokens:
        L = self.layers
        norm = L.norm(name=f"norm{number}")
        y = branch(norm(x) if norm_comes_first(L) else x)
        y = x + L.drop_path(self.depth, name=f"drop_path{number}")(L.attention(name=f"attention{number}")(y))
        return y if norm_comes_first(L) else norm(y)


def norm_comes_first(layers: BoundLayers) -> bool:
    """Whether the norm stands in front of a branch (placement `pre`) or behind the sum (`post`)."""
    if layers.placement not in ("pre", "post"):
        raise UserError(
            f"placement {layers.placement!r} is of convolutions; the norm of a transformer stands 'pre' (in front of"
            " every branch) or 'post' (behind every sum)"
        )
    return layers.placement == "pre"


def close_transformer(layers: BoundLayers, x: Array) -> Array:
    """Returns what leaves the last block, normalized: under `post` it is so already."""
    return layers.norm(name="norm")(x) if norm_comes_first(layers) else x
