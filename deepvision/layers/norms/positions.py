"""Norms whose statistics are taken over the positions of one example: of a channel, a group of channels, or all."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_flag, check_number
from deepvision.errors import UserError
from deepvision.layers.norms.base import Norm
from deepvision.types import Array


def check_groups(where: str, groups: int | None) -> None:
    """Raises UserError for a number of groups that is neither None nor at least 1."""
    if groups is not None:
        check_count(where, "groups", groups)


def count_groups(groups: int | None, x: Array) -> int:
    """Returns into how many groups the channels of `x` fall.

    A number that does not divide the channels is lowered to the largest divisor below it; None is 32, with at least two
    channels in a group.
    """
    channels = x.shape[-1]
    paired = max(channels // 2, 1)
    limit = groups or min(32, paired)
    if not ops.has_positions(x):  # one value alone would be standardized to nothing
        limit = min(limit, paired)
    return next(count for count in range(min(limit, channels), 0, -1) if channels % count == 0)


class GroupNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example over positions and c/groups channels.

    Attributes:
        groups: how many groups the channels fall into. A number that does not divide the channels is lowered to the
            largest divisor below it; None is the paper's 32, with at least two channels in a group.
        epsilon: added to the variance.
    Source: Wu & He 2018, equations 1-3 and 7.
    """

    groups: int | None = None
    epsilon: float = 1e-5

    word = "group"
    couples = "hwc"
    ignores_scale = "n"
    ignores_shift = "n"

    def check(self) -> None:
        check_groups(self.where, self.groups)
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        mean, variance = ops.group_moments(y, count_groups(self.groups, x))
        return self.normalize(y, mean, variance, self.epsilon).astype(x.dtype)

    def resolved(self, x: Array) -> str:
        """Says what became of the arguments on `x`; shown by `describe`."""
        return f"groups={count_groups(self.groups, x)}"


class LayerNormHWC(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example over positions and channels.

    Equals `group` with one group.

    Attributes:
        epsilon: added to the variance.
    Source: Ba et al. 2016 as applied to convolutions; Wu & He 2018, figure 2.
    """

    epsilon: float = 1e-5

    word = "layer_hwc"
    couples = "hwc"
    ignores_scale = "n"
    ignores_shift = "n"

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        return self.normalize(y, *ops.group_moments(y, 1), self.epsilon).astype(x.dtype)


class InstanceNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example and channel over positions.

    An input [n, c] has no positions to take moments over, and passes with the affine map alone.

    Attributes:
        epsilon: added to the variance.
    Raises: UserError where there is exactly one position, since every output would be the bias.
    Source: Ulyanov et al. 2016, equation 2.
    """

    epsilon: float = 1e-5

    word = "instance"
    couples = "hw"
    ignores_scale = "nc"
    ignores_shift = "nc"

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        if x.ndim == 2:
            return self.affine(y).astype(x.dtype)
        refuse_single_position(self, x)
        return self.normalize(y, *ops.moments(y, ops.positions(x)), self.epsilon).astype(x.dtype)


def refuse_single_position(norm: Norm, x: Array) -> None:
    """Raises UserError if `x` has one position only, which `norm` would map to a constant."""
    if not ops.has_positions(x):
        raise UserError(
            f"norm {norm.word!r} at {'/'.join(norm.path)}: a single position {x.shape} has no variance;"
            " use larger images or another norm"
        )


class FilterResponseNorm(Norm):
    """y = max(scale x / sqrt(mean(x^2) + epsilon) + bias, threshold), the mean per example and channel over positions.

    The thresholded linear unit max(., threshold), its threshold learned per channel, is its activation, and applied
    only where the site wants one. An input [n, c] has no positions, and passes without the division.

    Attributes:
        epsilon: added to the mean square.
        learned_epsilon: add a learned |e| too, 1e-4 at first: for maps of few positions, where the division would leave
            hardly more than the sign.
    Source: Singh & Krishnan 2019, equations 1-3; section 3.3 for the learned epsilon.
    """

    epsilon: float = 1e-6
    learned_epsilon: bool = False

    word = "filter_response"
    activates = True
    couples = "hw"
    ignores_scale = "nc"
    ignores_shift = None

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)
        check_flag(self.where, "learned_epsilon", self.learned_epsilon)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        factor = self.scale(y)
        if x.ndim > 2:
            square = jnp.mean(jnp.square(y), ops.positions(x), keepdims=True)
            factor = factor * lax.rsqrt(square + self._epsilon(y))
        y = y * factor + self.bias(y)
        if self.activate:
            y = jnp.maximum(y, self.param("threshold", nn.initializers.zeros, x.shape[-1:]).astype(y.dtype))
        return y.astype(x.dtype)

    def _epsilon(self, x: Array) -> Array | float:
        if not self.learned_epsilon:
            return self.epsilon
        return self.epsilon + jnp.abs(self.param("epsilon", nn.initializers.constant(1e-4), (1,))).astype(x.dtype)


class GlobalResponseNorm(Norm):
    """y = x + scale x r / (mean_c(r) + epsilon) + bias, r = ||x||_2 per example and channel over positions.

    Scale and bias are zero at first, whatever the site asks for, so that it begins as the identity.

    Attributes:
        epsilon: added to the mean of the norms.
    Source: Woo et al. 2023 (ConvNeXt V2), equations 1-3 and algorithm 1.
    """

    epsilon: float = 1e-6

    word = "grn"
    couples = "hwc"
    ignores_scale = None
    ignores_shift = None

    def check(self) -> None:
        check_number(self.where, "epsilon", self.epsilon, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        response = ops.euclidean_norm(y, ops.positions(x))
        response = response / (jnp.mean(response, axis=-1, keepdims=True) + self.epsilon)
        scale = self.param("scale", nn.initializers.zeros, x.shape[-1:]).astype(y.dtype)
        return (y * (1 + scale * response) + self.bias(y)).astype(x.dtype)
