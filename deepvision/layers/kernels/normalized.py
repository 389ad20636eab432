"""Parameterizations that fix the length of every filter, and learn it apart from the direction or not at all."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from deepvision.checks import check_flag, check_one_of, check_positive
from deepvision.errors import UserError
from deepvision.layers.kernels.base import Parameterization, centered, filter_norms, widened
from deepvision.types import Array, Initializer, Shape


@dataclasses.dataclass(frozen=True)
class WeightNorm(Parameterization):
    """w = gain v / ||v|| for every filter, with a learned gain that starts at ||v||, so that at first w = v.

    Attributes:
        per: what has a gain of its own: each "output" (the paper), each "input", or the "kernel" as a whole.
        data_dependent: initialize gain and bias so that every output has deviation one, and mean zero where the layer
            owns a bias, over the batch given to `init`. That batch must be a real one; an output that does not vary
            over it keeps its initial gain.
    Source: Salimans & Kingma 2016, equations 2, 5 and 6.
    """

    per: str = "output"
    data_dependent: bool = False

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale", "filter_scale"})

    def __post_init__(self) -> None:
        check_one_of("kernel 'weight_norm'", "per", self.per, ("output", "input", "kernel"))
        check_flag("kernel 'weight_norm'", "data_dependent", self.data_dependent)
        if self.data_dependent and self.per != "output":
            raise UserError(f"kernel 'weight_norm': data_dependent needs per='output', got per={self.per!r}")

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        kept = {"output": v.ndim - 1, "input": v.ndim - 2, "kernel": None}[self.per]
        axes = tuple(axis for axis in range(v.ndim) if axis != kept)
        norm = jnp.sqrt(jnp.sum(jnp.square(widened(v)), axis=axes, keepdims=True))
        gain = module.param(f"{name}_gain", lambda key: jnp.squeeze(norm, axes).astype(v.dtype))
        return (v * (jnp.expand_dims(gain, axes) / norm)).astype(v.dtype)

    def rescale(self, module: nn.Module, name: str, factor: Array) -> None:
        gain = module.get_variable("params", f"{name}_gain")
        module.put_variable("params", f"{name}_gain", (gain * factor).astype(gain.dtype))


@dataclasses.dataclass(frozen=True)
class CenteredWeightNorm(Parameterization):
    """w = gain (v - mean) / ||v - mean|| for every filter, with a learned gain that starts at ||v - mean||.

    A filter of one weight, which is its own mean, is not centred.

    Source: Huang et al. 2017 (Centered weight normalization), section 3.
    """

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale", "filter_scale", "filter_shift"})

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        direction = centered(widened(v))
        norms = filter_norms(direction)
        gain = module.param(f"{name}_gain", lambda key: norms.astype(v.dtype))
        return (direction * (gain / norms)).astype(v.dtype)


@dataclasses.dataclass(frozen=True)
class L2Normalized(Parameterization):
    """w = scale v / ||v|| for every filter: weight normalization whose gain is not learned.

    Attributes:
        scale: the length of every filter, above 0.
    Source: Salimans & Kingma 2016, equation 2, with a constant gain.
    """

    scale: float = 1.0

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale", "filter_scale"})

    def __post_init__(self) -> None:
        check_positive("kernel 'l2_normalized'", "scale", self.scale)

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        return (v * (self.scale / filter_norms(widened(v)))).astype(v.dtype)
