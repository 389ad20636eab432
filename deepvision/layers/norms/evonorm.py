"""Evolved layers: a normalization and its activation found together, by search."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_number
from deepvision.layers.norms.base import Norm
from deepvision.layers.norms.batch import BatchStatistics
from deepvision.layers.norms.positions import check_groups, count_groups
from deepvision.types import Array


class EvoNormB0(BatchStatistics):
    """y = scale x / max(sqrt(batch_var + epsilon), v x + sqrt(instance_var + epsilon)) + bias, v learned per channel.

    batch_var is that of `batch`, with a running average in evaluation, instance_var that of `instance`. It is norm and
    activation in one: where the site wants no activation, the affine map remains alone, as in the paper.

    Attributes:
        statistics_scope, ghost_size, momentum, epsilon: as for `batch`.
    Source: Liu et al. 2020 (Evolving Normalization-Activation Layers), table 2 and appendix A.
    """

    word = "evonorm_b0"
    activates = True
    couples = "nhw"
    ignores_scale = "c"
    ignores_shift = None

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        if not self.activate:
            return self.affine(y).astype(x.dtype)
        running_var = self.running("var", nn.initializers.ones, x)
        mean, instance_var = ops.moments(y, ops.positions(x))
        variance = running_var.value
        if train:
            _, variance = self.share(mean, instance_var)
            self.track(running_var, self.unbiased(variance, x))
        v = self.param("v", nn.initializers.ones, x.shape[-1:]).astype(y.dtype)
        local = v * y + jnp.sqrt(instance_var + self.epsilon)
        return self.affine(y / jnp.maximum(jnp.sqrt(variance + self.epsilon), local)).astype(x.dtype)


class EvoNormS0(Norm):
    """y = scale x sigmoid(v x) / sqrt(var + epsilon) + bias, var that of `group`, v learned per channel.

    It is norm and activation in one: where the site wants no activation, the affine map remains alone, as in the paper.

    Attributes:
        groups: as for `group`; None is the paper's 32, with at least two channels in a group.
        epsilon: added to the variance.
    Source: Liu et al. 2020 (Evolving Normalization-Activation Layers), table 2 and appendix A.
    """

    groups: int | None = None
    epsilon: float = 1e-5

    word = "evonorm_s0"
    activates = True
    couples = "hwc"
    ignores_scale = None
    ignores_shift = None

    def check(self) -> None:
        check_groups(self.where, self.groups)
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        if not self.activate:
            return self.affine(y).astype(x.dtype)
        _, variance = ops.group_moments(y, count_groups(self.groups, x))
        v = self.param("v", nn.initializers.ones, x.shape[-1:]).astype(y.dtype)
        factor = self.scale(y) * lax.rsqrt(variance + self.epsilon)
        return (y * nn.sigmoid(v * y) * factor + self.bias(y)).astype(x.dtype)

    def resolved(self, x: Array) -> str:
        """Says what became of the arguments on `x`; shown by `describe`."""
        return f"groups={count_groups(self.groups, x)}"
