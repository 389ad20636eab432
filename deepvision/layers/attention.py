"""Channel and spatial attention blocks: a module `x -> x` of the same shape, put behind a branch or a stage.

Their own kernels and activations come from the same `Layers` as the rest of the network. The gate at their end is what
defines them and is no site.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.blocks import DenseUnit
from deepvision.types import Array

if TYPE_CHECKING:
    from deepvision.layers.layers import BoundLayers


class AttentionBlock(nn.Module):
    """What the blocks share.

    Attributes:
        layers: the choices of the network; set by the site.
    """

    layers: BoundLayers

    site_arguments: ClassVar[tuple[str, ...]] = ("layers",)


class NoAttention(AttentionBlock):
    """y = x."""

    def __call__(self, x: Array) -> Array:
        return x


class SqueezeExcite(AttentionBlock):
    """y = x * sigmoid(W2 act(W1 mean(x))), the mean over positions: one gate per example and channel.

    Attributes:
        reduction: the hidden layer has c / reduction units, at least one.
    Source: Hu et al. 2017, equations 2-4.
    """

    reduction: int = 16

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if self.reduction < 1:
            raise UserError(f"attention 'se': reduction must be at least 1, got {self.reduction}")
        L = self.layers
        channels = x.shape[-1]
        squeezed = jnp.mean(x, axis=tuple(range(1, x.ndim - 1)), keepdims=True)
        hidden = DenseUnit(L, max(channels // self.reduction, 1), linear=True, name="reduce")(squeezed)
        return x * jax.nn.sigmoid(L.dense(channels, name="expand")(hidden))


ATTENTIONS = {
    "none": NoAttention,
    "se": SqueezeExcite,
}
