"""Norms whose statistics are taken over examples, and their running averages."""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_flag, check_number, check_one_of, check_rate
from deepvision.errors import UserError
from deepvision.layers.norms.base import Norm
from deepvision.types import Array, Initializer


class BatchStatistics(Norm):
    """What the norms share that look at several examples: whose they are, and what stands for them in evaluation.

    Attributes:
        statistics_scope: in a choice `scope`: whose examples share the moments, "global" (all devices), "device", or
            "ghost" (each `ghost_size` consecutive examples of a device: what a replica with that batch would see).
        ghost_size: examples per ghost batch; must divide the batch of a device.
        momentum: of the running averages, running <- momentum * running + (1 - momentum) * batch.
        epsilon: added to the variance.
    """

    statistics_scope: str = "global"
    ghost_size: int = 32
    momentum: float = 0.9
    epsilon: float = 1e-5

    argument_words: ClassVar = {"statistics_scope": "scope"}  # a flax module has a `scope` already

    def check(self) -> None:
        check_one_of(self.where, "scope", self.statistics_scope, ("global", "device", "ghost"))
        check_count(self.where, "ghost_size", self.ghost_size)
        check_rate(self.where, "momentum", self.momentum)
        check_number(self.where, "epsilon", self.epsilon, 0)

    def running(self, name: str, initial: Initializer, x: Array) -> nn.Variable:
        """Returns a running average per channel (collection `batch_stats`)."""
        return self.variable("batch_stats", name, initial, None, x.shape[-1:], jnp.float32)

    def track(self, running: nn.Variable, batch: Array) -> None:
        """Moves a running average towards `batch` [..., c], averaged over its sets and, so that all agree, devices."""
        if self.is_initializing() or not self.is_mutable_collection("batch_stats"):
            return
        value = jnp.mean(batch, axis=tuple(range(batch.ndim - 1)))
        if ops.axis_bound(ops.BATCH_AXIS):
            value = lax.pmean(value, ops.BATCH_AXIS)
        running.value = self.momentum * running.value + (1 - self.momentum) * value

    def batch_moments(self, x: Array) -> tuple[Array, Array]:
        """Returns mean and biased variance per channel over positions and the examples in scope."""
        return self.share(*ops.moments(x, ops.positions(x)))

    def share(self, mean: Array, variance: Array) -> tuple[Array, Array]:
        """Returns the moments [n or 1, 1, ..., c] of the examples in scope, from those of each, [n, 1, ..., c]."""
        size = self._set_size(mean)
        if size != mean.shape[0]:
            sets = (-1, size, *mean.shape[1:])
            moments = ops.pooled_moments(mean.reshape(sets), variance.reshape(sets), (1,))
            return tuple(jnp.broadcast_to(moment, mean.reshape(sets).shape).reshape(mean.shape) for moment in moments)
        mean, variance = ops.pooled_moments(mean, variance, (0,))
        if self._spans_devices():
            return ops.device_moments(mean, variance, ops.BATCH_AXIS)
        return mean, variance

    def unbiased(self, variance: Array, x: Array) -> Array:
        """Returns the unbiased variance from the biased one of `batch_moments`; of a single value there is none."""
        devices = lax.axis_size(ops.BATCH_AXIS) if self._spans_devices() else 1
        count = devices * self._set_size(x) * x[0, ..., 0].size
        return variance * (count / max(count - 1, 1))

    def _set_size(self, x: Array) -> int:
        """Returns how many examples in sight share moments; all in the batch that only makes the variables."""
        if self.statistics_scope == "global" or self.is_initializing():
            return x.shape[0]
        examples = ops.examples_of_a_device(x.shape[0])
        if self.statistics_scope == "device":
            return examples
        if examples % self.ghost_size:
            raise UserError(
                f"norm {self.word!r}: ghost_size {self.ghost_size} does not divide the {examples} examples of a device"
            )
        return self.ghost_size

    def _spans_devices(self) -> bool:
        wide = self.statistics_scope == "global" and not self.is_initializing()
        return wide and ops.axis_bound(ops.BATCH_AXIS)


class BatchNorm(BatchStatistics):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, the moments taken per channel over examples and positions.

    In evaluation, running averages of the moments stand in for them (collection `batch_stats`, the variance unbiased):
    running <- momentum * running + (1 - momentum) * batch.

    Attributes:
        statistics_scope: in a choice `scope`: whose examples share the moments, "global" (all devices), "device", or
            "ghost" (each `ghost_size` consecutive examples of a device: what a replica with that batch would see).
        ghost_size: examples per ghost batch; must divide the batch of a device.
        momentum: of the running averages.
        epsilon: added to the variance.
        learned_scale: whether the scale is learned; else it is one everywhere.
    Source: Ioffe & Szegedy 2015, algorithm 1; ghost batches: Hoffer et al. 2017.
    """

    learned_scale: bool = True

    word = "batch"
    couples = "nhw"
    ignores_scale = "c"
    ignores_shift = "c"

    def check(self) -> None:
        super().check()
        check_flag(self.where, "learned_scale", self.learned_scale)

    def scale(self, x: Array) -> Array:
        return super().scale(x) if self.learned_scale else jnp.ones((), x.dtype)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        running_mean = self.running("mean", nn.initializers.zeros, x)
        running_var = self.running("var", nn.initializers.ones, x)
        if not train:
            return self.normalize(y, running_mean.value, running_var.value, self.epsilon).astype(x.dtype)
        mean, variance = self.batch_moments(y)
        self.track(running_mean, mean)
        self.track(running_var, self.unbiased(variance, x))
        return self.normalize(y, mean, variance, self.epsilon).astype(x.dtype)


class BatchRenorm(BatchStatistics):
    """y = scale ((x - mean) / std * r + d) + bias, std = sqrt(var + epsilon), the moments those of `batch`.

    r = clip(std / running_std, 1/r_max, r_max) and d = clip((mean - running_mean) / running_std, -d_max, d_max) are
    constants to the gradient. Where neither is clipped, training computes what evaluation does,
    y = scale (x - running_mean) / running_std + bias, so that small batches do no harm. r_max = 1 and d_max = 0 is
    batch norm; the paper trains so at first, and lets r_max grow to 3, d_max to 5. Here they do not move.

    Attributes:
        r_max: bound of the correction of the deviation, at least 1.
        d_max: bound of the correction of the mean, at least 0.
        statistics_scope, ghost_size, momentum, epsilon: as for `batch`; the paper's momentum is 0.99.
    Source: Ioffe 2017, algorithm 1.
    """

    r_max: float = 3.0
    d_max: float = 5.0

    word = "batch_renorm"
    couples = "nhw"
    ignores_scale = None
    ignores_shift = None

    def check(self) -> None:
        super().check()
        check_number(self.where, "r_max", self.r_max, 1)
        check_number(self.where, "d_max", self.d_max, 0)

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        running_mean = self.running("mean", nn.initializers.zeros, x)
        running_std = self.running("std", nn.initializers.ones, x)
        scale, bias = self.scale(y), self.bias(y)
        if not train:
            return ops.rescale(y, running_mean.value, scale / running_std.value, bias).astype(x.dtype)
        mean, variance = self.batch_moments(y)
        std = jnp.sqrt(variance + self.epsilon)
        r = jnp.clip(lax.stop_gradient(std) / running_std.value, 1 / self.r_max, self.r_max)
        d = jnp.clip((lax.stop_gradient(mean) - running_mean.value) / running_std.value, -self.d_max, self.d_max)
        self.track(running_mean, mean)
        self.track(running_std, std)
        return ops.rescale(y, mean, scale * r / std, scale * d + bias).astype(x.dtype)


class SwitchableNorm(BatchStatistics):
    """y = scale (x - mean) / sqrt(var + epsilon) + bias, mean and var learned mixtures of those of three norms.

    mean = sum_k softmax(a)_k mean_k and var = sum_k softmax(b)_k var_k over k = `instance`, `layer_hwc`, `batch`. The
    weights a and b, three each, are one at first, so that all count alike. In evaluation, running averages stand for
    the moments of `batch`. An input [n, c] is its own instance, with mean x and variance 0.

    Attributes:
        statistics_scope, ghost_size, momentum, epsilon: as for `batch`.
    Source: Luo et al. 2018 (Differentiable Learning-to-Normalize), equations 3-5.
    """

    word = "switchable"
    couples = "nhwc"
    ignores_scale = ""
    ignores_shift = ""

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        running_mean = self.running("mean", nn.initializers.zeros, x)
        running_var = self.running("var", nn.initializers.ones, x)
        instance = ops.moments(y, ops.positions(x))
        if train:
            batch = self.share(*instance)
            self.track(running_mean, batch[0])
            self.track(running_var, self.unbiased(batch[1], x))
        else:
            batch = running_mean.value, running_var.value
        layer = ops.pooled_moments(*instance, (-1,))
        means, variances = zip(instance, layer, batch, strict=True)
        mean, variance = self._mixture("mean_weights", means), self._mixture("var_weights", variances)
        return self.normalize(y, mean, variance, self.epsilon).astype(x.dtype)

    def _mixture(self, name: str, values: tuple[Array, ...]) -> Array:
        weights = self.param(name, nn.initializers.ones, (len(values),)).astype(values[0].dtype)
        weights = nn.softmax(weights)
        return sum(weights[k] * value for k, value in enumerate(values))
