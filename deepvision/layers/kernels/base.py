"""What the weight parameterizations share."""

from __future__ import annotations

import dataclasses
import math
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from deepvision import ops
from deepvision.types import Array, Initializer, Shape


@dataclasses.dataclass(frozen=True)
class Parameterization:
    """How a convolution or dense layer reads its kernel from what it learns.

    Attributes:
        groups: into how many groups that do not see each other the outputs fall; set by the site.
    """

    groups: int = 1

    site_arguments: ClassVar[tuple[str, ...]] = ("groups",)
    # The changes of the learned array v that leave the kernel as it is, by default arguments: "kernel_scale" (v times a
    # positive number), "filter_scale" (each filter times one of its own), "filter_shift" (each filter plus a number).
    ignores: ClassVar[frozenset[str]] = frozenset()
    data_dependent: ClassVar[bool] = False  # whether the layer, when initialized, calls `rescale`

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        """Returns the kernel.

        Args:
            module: the layer that owns the parameters.
            name: of the learned array v; what else is kept is called `<name>_...`.
            shape: [..., inputs, outputs] of the kernel.
            init: initial values of the learned array.
            train: whether vectors that follow the kernel from step to step move on.

        Raises: UserError for an argument outside its range, or a shape that the parameterization cannot serve.
        """
        raise NotImplementedError

    def rescale(self, module: nn.Module, name: str, factor: Array) -> None:
        """Multiplies every filter of the kernel by its part of `factor` [outputs], when the layer is initialized."""
        raise NotImplementedError


class Plain(Parameterization):
    """w = v, the learned array itself; no source."""

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        return module.param(name, init, shape)


def filter_axes(v: Array) -> tuple[int, ...]:
    """Returns the axes of a kernel that make up a filter: all but the outputs."""
    return tuple(range(v.ndim - 1))


def filter_size(shape: Shape) -> int:
    """Returns how many weights a filter holds."""
    return math.prod(shape[:-1])


def centered(v: Array) -> Array:
    """Returns `v` minus the mean of each filter; a filter of one weight, which is its own mean, is left as it is."""
    return v if filter_size(v.shape) == 1 else v - jnp.mean(v, axis=filter_axes(v), keepdims=True)


def filter_norms(v: Array) -> Array:
    """Returns the length of every filter, [outputs]."""
    return jnp.sqrt(jnp.sum(jnp.square(v), axis=filter_axes(v)))


def widened(v: Array) -> Array:
    """Returns `v` in float32 at least, the type in which norms and moments are computed."""
    return v.astype(ops.accumulation_dtype(v))
