"""Attention to positions, alone or together with channels."""

from __future__ import annotations

import math

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_count, check_odd, check_one_of
from deepvision.layers.attention.base import AttentionBlock, position_axes, positions, require_plane
from deepvision.layers.attention.channel import bottleneck, mean_over_positions, reduced_by
from deepvision.types import Array, Images


class SpatialSqueezeExcite(AttentionBlock):
    """y = x sigmoid(w . x + b) at every position: one gate per example and position.

    Source: Roy et al. 2018, section 2.2 (sSE).
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        positions("attention 'sse'", x)
        return x * jax.nn.sigmoid(self.layers.dense(1, linear=True, name="squeeze")(x))


class ConcurrentSqueezeExcite(AttentionBlock):
    """y = x channel_gate + x position_gate: `se` and `sse` side by side.

    Attributes:
        reduction: the hidden layer of the channels' gate has c / reduction units, at least one.
        combine: "add" the two results, or take the "max".
    Source: Roy et al. 2018, section 2.3 (scSE); the maximum: their journal version, section III.C.
    """

    reduction: int = 2
    combine: str = "add"

    @nn.compact
    def __call__(self, x: Array) -> Array:
        where = "attention 'scse'"
        check_count(where, "reduction", self.reduction)
        check_one_of(where, "combine", self.combine, ("add", "max"))
        positions(where, x)
        by_channel = x * jax.nn.sigmoid(bottleneck(self.layers, mean_over_positions(x), reduced_by(x, self.reduction)))
        by_position = x * jax.nn.sigmoid(self.layers.dense(1, linear=True, name="squeeze")(x))
        return by_channel + by_position if self.combine == "add" else jnp.maximum(by_channel, by_position)


class ConvolutionalBlockAttention(AttentionBlock):
    """y = z sigmoid(norm(conv([max_c(z), mean_c(z)]))), z = x sigmoid(mlp(mean(x)) + mlp(max(x))).

    The mean and maximum in z's gate are taken over positions, the others over channels; the two layers of the mlp are
    those of `se`, the same for both. A norm that ignores a factor at every position, such as `layer`, would leave of
    the one map that is normalized here no more than its sign: it is left out, and the convolution owns a bias.

    Attributes:
        reduction: the hidden layer of the mlp has c / reduction units, at least one.
        size: side of the convolution, odd.
    Source: Woo et al. 2018, equations 1-3; the norm as in the authors' code.
    """

    reduction: int = 16
    size: int = 7

    @nn.compact
    def __call__(self, x: Images) -> Images:
        where = "attention 'cbam'"
        check_count(where, "reduction", self.reduction)
        check_odd(where, "size", self.size)
        require_plane(where, x)
        x = x * jax.nn.sigmoid(self._channel_gate(x))
        return x * jax.nn.sigmoid(self._position_gate(x))

    def _channel_gate(self, x: Images) -> Array:
        pooled = jnp.concatenate([mean_over_positions(x), jnp.max(x, axis=(1, 2), keepdims=True)], axis=1)
        return jnp.sum(bottleneck(self.layers, pooled, reduced_by(x, self.reduction)), axis=1, keepdims=True)

    def _position_gate(self, x: Images) -> Images:
        L = self.layers
        pooled = jnp.concatenate([jnp.max(x, axis=-1, keepdims=True), jnp.mean(x, axis=-1, keepdims=True)], axis=-1)
        ignored = L.choices.norm.entry.ignores_scale or ""
        if set("hw") <= set(ignored):
            return L.conv(1, self.size, linear=True, name="conv")(pooled)
        conv = L.conv(1, self.size, use_bias=not L.norm_shifts, linear=True, name="conv")
        return L.norm(name="norm")(conv(pooled))


class SoftAttention(AttentionBlock):
    """y_i = t a_i x_i over t positions, a = softmax_i(w . x_i / sqrt(c)): a weight per position, their mean being one.

    Equal weights change nothing, and at first they are nearly equal. A constant added to all scores would not change
    the weights: there is no bias.

    Source: Bahdanau et al. 2014, equation 6; over positions of images: Xu et al. 2015, equations 4 and 5, and section
        4.2 (soft attention).
    """

    @nn.compact
    def __call__(self, x: Array) -> Array:
        count = positions("attention 'spatial'", x)
        scores = self.layers.dense(1, use_bias=False, linear=True, name="score")(x)
        scores = scores.astype(ops.accumulation_dtype(x)) / math.sqrt(x.shape[-1])
        weights = jax.nn.softmax(scores, axis=position_axes(x))
        return x * (count * weights).astype(x.dtype)


class NonLocal(AttentionBlock):
    """y = x + norm(W z), z_i = sum_j softmax_j(theta(x_i) . phi(x_j)) g(x_j), over all pairs of positions.

    theta, phi and g are dense layers to c / reduction channels (embedded Gaussian). The norm starts at scale zero, and
    with it the block at y = x; without a norm it does not.

    Attributes:
        reduction: of the channels inside, at least one being left.
    Source: Wang et al. 2018, equations 1, 4 and 6, and section 4.1 for the norm.
    """

    reduction: int = 2

    @nn.compact
    def __call__(self, x: Array) -> Array:
        check_count("attention 'non_local'", "reduction", self.reduction)
        L, channels = self.layers, x.shape[-1]
        x_ntc = x.reshape(x.shape[0], positions("attention 'non_local'", x), channels)
        inner = self._inner(x)
        query_nti = L.dense(inner, linear=True, name="theta")(x_ntc)
        key_nsi = L.dense(inner, linear=True, name="phi")(x_ntc)
        value_nsi = L.dense(inner, linear=True, name="g")(x_ntc)
        scores_nts = jnp.einsum("nti,nsi->nts", query_nti, key_nsi, preferred_element_type=ops.accumulation_dtype(x))
        weights_nts = jax.nn.softmax(scores_nts, axis=-1).astype(value_nsi.dtype)
        z_nti = jnp.einsum("nts,nsi->nti", weights_nts, value_nsi)
        branch = L.dense(channels, use_bias=not L.norm_shifts, linear=True, name="out")(z_nti)
        return x + L.norm(name="norm", scale_init=nn.initializers.zeros)(branch.reshape(x.shape))

    def _inner(self, x: Array) -> int:
        return max(x.shape[-1] // self.reduction, 1)

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates of the two products over pairs of positions."""
        count = positions("attention 'non_local'", x)
        return 2 * x.shape[0] * count**2 * self._inner(x)
