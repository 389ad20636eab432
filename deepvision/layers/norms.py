"""Normalizations of activations. One protocol for all: a module `(x, train) -> x` for any rank, channels last.

The first axis of `x` holds the examples, the last the channels, the ones between (none, tokens, or height and width)
are positions. Statistics and the affine map are computed in float32 at least; the result has the type of `x`.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.errors import UserError
from deepvision.types import Array, Initializer


class Norm(nn.Module):
    """What the norms share: an affine map per channel behind the standardization.

    Attributes:
        scale_init: initial value of the scale; set by the site (zero at the end of some residual branches).
        activate: whether the site wants an activation directly behind; norms that bring their own apply it then.
    """

    scale_init: Initializer = nn.initializers.ones
    activate: bool = False

    site_arguments: ClassVar[tuple[str, ...]] = ("scale_init", "activate")
    shifts: ClassVar[bool] = True  # adds a learned bias, so that a convolution in front of it needs none
    activates: ClassVar[bool] = False  # stands for the activation behind it too

    def scale(self, x: Array) -> Array:
        return self.param("scale", self.scale_init, x.shape[-1:]).astype(x.dtype)

    def affine(self, x: Array) -> Array:
        """Returns scale * x + bias, both [c]."""
        scale = self.scale(x)
        return x * scale + self.param("bias", nn.initializers.zeros, x.shape[-1:]).astype(x.dtype)


class NoNorm(Norm):
    """y = x, without parameters."""

    shifts = False

    def __call__(self, x: Array, train: bool) -> Array:
        return x


class BatchNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments taken per channel over examples and positions.

    In evaluation, running averages of the moments stand in for them (collection `batch_stats`, the variance unbiased):
    running <- momentum * running + (1 - momentum) * batch.

    Attributes:
        statistics_scope: in a choice `scope`: whose examples share the moments, "global" (all devices), "device", or
            "ghost" (each `ghost_size` consecutive examples of a device: what a replica with that batch would see).
        ghost_size: examples per ghost batch; must divide the batch of a device.
        momentum: of the running averages.
        epsilon: added to the variance.
    Source: Ioffe & Szegedy 2015, algorithm 1; ghost batches: Hoffer et al. 2017.
    """

    statistics_scope: str = "global"
    ghost_size: int = 32
    momentum: float = 0.9
    epsilon: float = 1e-5

    argument_words: ClassVar[dict[str, str]] = {"statistics_scope": "scope"}  # a flax module has a `scope` already

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = x.shape[-1:]
        mean = self.variable("batch_stats", "mean", jnp.zeros, shape, jnp.float32)
        var = self.variable("batch_stats", "var", jnp.ones, shape, jnp.float32)
        y = x.astype(ops.accumulation_dtype(x))
        if not train:
            standard = (y - mean.value) * lax.rsqrt(var.value + self.epsilon)
            return self.affine(standard.astype(y.dtype)).astype(x.dtype)
        groups = self._groups(y)
        batch_mean, batch_var = self._moments(groups)
        if self.is_mutable_collection("batch_stats") and not self.is_initializing():
            self._track(mean, batch_mean)
            self._track(var, batch_var * _unbiased(self._count(groups)))
        standard = ((groups - batch_mean) * lax.rsqrt(batch_var + self.epsilon)).reshape(y.shape)
        return self.affine(standard).astype(x.dtype)

    def _groups(self, x: Array) -> Array:
        """Views [n, ..., c] as [g, n/g, ..., c]: g sets of examples that share moments."""
        if self.statistics_scope not in ("global", "device", "ghost"):
            raise UserError(f"norm 'batch': scope {self.statistics_scope!r} is none of global, device, ghost")
        if self.statistics_scope != "ghost" or self.is_initializing():
            return x[None]
        if self.ghost_size < 1 or x.shape[0] % self.ghost_size:
            raise UserError(
                f"norm 'batch': ghost_size {self.ghost_size} does not divide the {x.shape[0]} examples of a device"
            )
        return x.reshape(-1, self.ghost_size, *x.shape[1:])

    def _moments(self, groups: Array) -> tuple[Array, Array]:
        axes = tuple(range(1, groups.ndim - 1))
        if self.statistics_scope == "global" and not self.is_initializing():
            return ops.global_moments(groups, axes, ops.BATCH_AXIS)
        return ops.moments(groups, axes)

    def _count(self, groups: Array) -> int:
        """Returns how many values each moment is taken over."""
        devices = lax.axis_size(ops.BATCH_AXIS) if self.statistics_scope == "global" and ops.axis_bound(ops.BATCH_AXIS) else 1
        return devices * groups.size // (groups.shape[0] * groups.shape[-1])

    def _track(self, running: nn.Variable, batch: Array) -> None:
        """Moves a running average towards the mean of `batch` over its groups and, so that all agree, over devices."""
        value = jnp.mean(batch, axis=tuple(range(batch.ndim - 1)))
        if ops.axis_bound(ops.BATCH_AXIS):
            value = lax.pmean(value, ops.BATCH_AXIS)
        running.value = self.momentum * running.value + (1 - self.momentum) * value


def _unbiased(count: int) -> float:
    """Returns the factor from the biased to the unbiased variance; of a single value there is none to correct."""
    return count / max(count - 1, 1)


class LayerNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example and position over the channels.

    Source: Ba et al. 2016, equation 3; as transformers use it.
    """

    epsilon: float = 1e-6

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        return self.affine(ops.standardize(x, (x.ndim - 1,), self.epsilon)).astype(x.dtype)


class GroupNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example over positions and c/groups channels.

    Attributes:
        groups: how many groups the channels fall into. A number that does not divide the channels is lowered to the
            largest divisor below it; `None` is the paper's 32, with at least two channels in a group.
        epsilon: added to the variance.
    Source: Wu & He 2018, equations 1-3 and 7.
    """

    groups: int | None = None
    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        groups = self.groups_of(x)
        split = x.reshape(*x.shape[:-1], groups, x.shape[-1] // groups)
        axes = (*range(1, x.ndim - 1), x.ndim)
        return self.affine(ops.standardize(split, axes, self.epsilon).reshape(x.shape)).astype(x.dtype)

    def groups_of(self, x: Array) -> int:
        """Returns the number of groups used for `x`; see the attribute."""
        if self.groups is not None and self.groups < 1:
            raise UserError(f"norm 'group': groups must be at least 1, got {self.groups}")
        channels, positions = x.shape[-1], x[0, ..., 0].size
        limit = self.groups or min(32, max(channels // 2, 1))
        if positions == 1:  # one channel alone would be standardized to nothing
            limit = min(limit, max(channels // 2, 1))
        return next(groups for groups in range(min(limit, channels), 0, -1) if channels % groups == 0)

    def resolved(self, x: Array) -> str:
        """Says what became of the arguments on `x`; shown by `describe`."""
        return f"groups={self.groups_of(x)}"


class LayerNormHWC(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example over positions and channels.

    Equals `group` with one group. Source: Ba et al. 2016 as applied to convolutions; Wu & He 2018, figure 2.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        return self.affine(ops.standardize(x, tuple(range(1, x.ndim)), self.epsilon)).astype(x.dtype)


class InstanceNorm(Norm):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments per example and channel over positions.

    An input [n, c] has no positions to take moments over, and passes with the affine map alone.
    Raises: UserError where there is exactly one position, since every output would be the bias.
    Source: Ulyanov et al. 2016, equation 2.
    """

    epsilon: float = 1e-5

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        axes = tuple(range(1, x.ndim - 1))
        if axes and all(x.shape[axis] == 1 for axis in axes):
            raise UserError(
                f"norm 'instance' at {'/'.join(self.path)}: a single position {x.shape} has no variance;"
                " use larger images or another norm"
            )
        return self.affine(ops.standardize(x, axes, self.epsilon)).astype(x.dtype)


class RMSNorm(Norm):
    """y = scale x / sqrt(mean(x^2) + epsilon), the mean per example and position over the channels; no bias.

    Source: Zhang & Sennrich 2019, equation 4.
    """

    epsilon: float = 1e-6
    shifts = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        y = y * lax.rsqrt(jnp.mean(jnp.square(y), axis=-1, keepdims=True) + self.epsilon)
        return (y * self.scale(y)).astype(x.dtype)


class LocalResponseNorm(Norm):
    """y_c = x_c / (k + alpha sum_{d near c} x_d^2)^beta, over the `size` channels around c; no parameters.

    `alpha` multiplies the sum, as in the paper (other libraries divide it by `size`).
    Source: Krizhevsky et al. 2012, section 3.3.
    """

    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0
    shifts = False

    def __call__(self, x: Array, train: bool) -> Array:
        if self.size < 1:
            raise UserError(f"norm 'lrn': size must be at least 1, got {self.size}")
        y = x.astype(ops.accumulation_dtype(x))
        below, above = self.size // 2, (self.size - 1) // 2
        window = (1,) * (y.ndim - 1) + (self.size,)
        padding = [(0, 0)] * (y.ndim - 1) + [(below, above)]
        energy = lax.reduce_window(jnp.square(y), 0.0, lax.add, window, (1,) * y.ndim, padding)
        return (y * (self.k + self.alpha * energy) ** -self.beta).astype(x.dtype)


NORMS = {
    "none": NoNorm,
    "batch": BatchNorm,
    "layer": LayerNorm,
    "layer_hwc": LayerNormHWC,
    "group": GroupNorm,
    "instance": InstanceNorm,
    "rms": RMSNorm,
    "lrn": LocalResponseNorm,
}
