"""Parameterizations that standardize every filter: mean zero and a fixed variance."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision.checks import check_number, check_positive
from deepvision.layers.kernels.base import Parameterization, centered, filter_axes, widened
from deepvision.types import Array, Initializer, Shape


@dataclasses.dataclass(frozen=True)
class WeightStandardization(Parameterization):
    """w = gain (v - mean) / sqrt(var + epsilon) for every filter, with a learned gain that starts at v's deviation.

    A filter of one weight, which is its own mean, is not centred.

    Attributes:
        epsilon: added to the variance, at least 0.
    Source: Qiao et al. 2019, equations 5-7; the gain as in Brock et al. 2021.
    """

    epsilon: float = 1e-6

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale", "filter_scale", "filter_shift"})

    def __post_init__(self) -> None:
        check_number("kernel 'weight_standardization'", "epsilon", self.epsilon, 0)

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        deviations = centered(widened(v))
        variance = jnp.mean(jnp.square(deviations), axis=filter_axes(v))
        gain = module.param(f"{name}_gain", lambda key: jnp.sqrt(variance).astype(v.dtype))
        return (deviations * (gain * lax.rsqrt(variance + self.epsilon))).astype(v.dtype)


@dataclasses.dataclass(frozen=True)
class ScaledWeightStandardization(Parameterization):
    """w = scale gain (v - mean) / sqrt(max(n var, epsilon)) for every filter of n weights; the gain starts at one.

    Every filter has mean zero and length scale * gain. Behind an activation f of unit normal values, such a filter
    keeps the variance at one if scale = Var[f(z)]^(-1/2): networks without norms then neither explode nor fade.
    A filter of one weight, which is its own mean, is not centred.

    Attributes:
        scale: a fixed factor, above 0: sqrt(2 / (1 - 1/pi)) = 1.7139588 for relu.
        epsilon: the least value of n var, above 0.
    Source: Brock et al. 2021 (Characterizing signal propagation), equation 3 and section 4.
    """

    scale: float = 1.0
    epsilon: float = 1e-4

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale", "filter_scale", "filter_shift"})

    def __post_init__(self) -> None:
        check_positive("kernel 'scaled_weight_standardization'", "scale", self.scale)
        check_positive("kernel 'scaled_weight_standardization'", "epsilon", self.epsilon)

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        gain = module.param(f"{name}_gain", nn.initializers.ones, shape[-1:])
        deviations = centered(widened(v))
        squared = jnp.sum(jnp.square(deviations), axis=filter_axes(v))
        return (deviations * (self.scale * gain * lax.rsqrt(jnp.maximum(squared, self.epsilon)))).astype(v.dtype)
