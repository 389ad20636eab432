"""Weight parameterizations: how a convolution or dense layer reads its kernel from what it learns.

A kernel has the shape [..., inputs, outputs]; what produces one output, all axes but the last, is called its filter.
An entry is a frozen dataclass, called by the layer that owns the parameters:

    kernel = parameterization(module, name, shape, init, train)

The learned direction always lies under `name` and starts with the same values, whatever the parameterization. Vectors
that are not learned by gradients lie in the collection `batch_stats`, so that no trainer needs to know of them.
"""

from __future__ import annotations

import dataclasses
import math

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.errors import UserError
from deepvision.types import Array, Initializer, Shape


@dataclasses.dataclass(frozen=True)
class Plain:
    """w = v."""

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        return module.param(name, init, shape)


@dataclasses.dataclass(frozen=True)
class WeightNorm:
    """w = gain v / ||v|| for every filter, with a learned gain that starts at ||v||, so that at first w = v.

    Source: Salimans & Kingma 2016, equation 2.
    """

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        norm = jnp.sqrt(jnp.sum(jnp.square(v), axis=tuple(range(v.ndim - 1))))
        gain = module.param(f"{name}_gain", lambda key: norm)
        return v * (gain / norm)


@dataclasses.dataclass(frozen=True)
class WeightStandardization:
    """w = gain (v - mean) / sqrt(var + epsilon) for every filter, with a learned gain that starts at v's deviation.

    Attributes:
        epsilon: added to the variance.
    Source: Qiao et al. 2019, equations 5-7; the gain as in Brock et al. 2021.
    """

    epsilon: float = 1e-6

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        axes = tuple(range(v.ndim - 1))
        gain = module.param(f"{name}_gain", lambda key: jnp.std(v, axis=axes))
        return ops.standardize(v, axes, self.epsilon) * gain


@dataclasses.dataclass(frozen=True)
class SpectralNorm:
    """w = v / sigma(v), sigma the largest singular value of v as a matrix [outputs, filter].

    The singular vectors are carried from step to step in `batch_stats` and held constant for the gradient.

    Attributes:
        iterations: steps of the power method per training step.
    Source: Miyato et al. 2018, algorithm 1.
    """

    iterations: int = 1

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        if self.iterations < 1:
            raise UserError(f"kernel 'spectral_norm': iterations must be at least 1, got {self.iterations}")
        v = module.param(name, init, shape)
        matrix = v.reshape(-1, v.shape[-1]).T
        constant = lax.stop_gradient(matrix)
        vectors = module.variable("batch_stats", f"{name}_singular", _leading_vectors, constant)
        if train and module.is_mutable_collection("batch_stats") and not module.is_initializing():
            vectors.value = ops.power_iteration(constant, vectors.value[0], self.iterations)
        left, right = vectors.value
        return v / (left @ matrix @ right)


def _leading_vectors(matrix: Array) -> tuple[Array, Array]:
    """Returns (u, v) after enough iterations that the first step already divides by nearly the true norm."""
    start = jnp.full(matrix.shape[0], 1 / math.sqrt(matrix.shape[0]), matrix.dtype)
    return ops.power_iteration(matrix, start, steps=15)


KERNELS = {
    "plain": Plain,
    "weight_norm": WeightNorm,
    "weight_standardization": WeightStandardization,
    "spectral_norm": SpectralNorm,
}
