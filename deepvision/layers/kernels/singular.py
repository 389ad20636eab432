"""Parameterizations that fix singular values of the kernel as a matrix [filter, outputs]."""

from __future__ import annotations

import dataclasses
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_positive
from deepvision.layers.kernels.base import Parameterization, widened
from deepvision.types import Array, Initializer, Shape


@dataclasses.dataclass(frozen=True)
class SpectralNorm(Parameterization):
    """w = scale v / sigma(v), sigma the largest singular value of v as one matrix [outputs, filter].

    The singular vectors start exact, are carried from step to step in `batch_stats`, and are held constant for the
    gradient. Convolutions in groups are one matrix too, whose sigma is an upper bound of that of every group.

    Attributes:
        iterations: steps of the power method per training step, at least 1.
        scale: the largest singular value of w, above 0.
    Source: Miyato et al. 2018, equation 8 and algorithm 1.
    """

    iterations: int = 1
    scale: float = 1.0

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale"})

    def __post_init__(self) -> None:
        check_count("kernel 'spectral_norm'", "iterations", self.iterations)
        check_positive("kernel 'spectral_norm'", "scale", self.scale)

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        matrix = widened(v).reshape(-1, shape[-1]).T
        constant = lax.stop_gradient(matrix)
        vectors = module.variable("batch_stats", f"{name}_singular", _leading_vectors, constant)
        if train and module.is_mutable_collection("batch_stats") and not module.is_initializing():
            vectors.value = ops.power_iteration(constant, vectors.value[0], self.iterations)
        left, right = vectors.value
        return (v * (self.scale / (left @ matrix @ right))).astype(v.dtype)


def _leading_vectors(matrix: Array) -> tuple[Array, Array]:
    """Returns the leading singular vectors (u, v), by the eigenvectors of the smaller Gram matrix."""
    rows, columns = matrix.shape
    if rows <= columns:
        left = jnp.linalg.eigh(matrix @ matrix.T).eigenvectors[:, -1]
    else:
        left = matrix @ jnp.linalg.eigh(matrix.T @ matrix).eigenvectors[:, -1]
    return ops.power_iteration(matrix, left, 1)


@dataclasses.dataclass(frozen=True)
class Orthogonal(Parameterization):
    """w = scale Q with v = Q R, for the matrix [filter, outputs] of every group; R triangular, its diagonal positive.

    The filters of w are those of v orthonormalized one after the other (Gram and Schmidt): w^T w = scale^2 I
    for every v of full rank. Where there are more outputs than weights in a filter, it is the rows: w w^T = scale^2 I.

    Attributes:
        scale: every singular value of w, above 0.
    Source: orthogonal filters by construction: Huang et al. 2018 (Orthogonal weight normalization), who take the polar
        factor of v; the triangular one needs no iteration and no eigenvalues apart from each other.
    """

    scale: float = 1.0

    ignores: ClassVar[frozenset[str]] = frozenset({"kernel_scale"})

    def __post_init__(self) -> None:
        check_positive("kernel 'orthogonal'", "scale", self.scale)

    def __call__(self, module: nn.Module, name: str, shape: Shape, init: Initializer, train: bool) -> Array:
        v = module.param(name, init, shape)
        matrices = jnp.moveaxis(widened(v).reshape(-1, self.groups, shape[-1] // self.groups), 1, 0)
        w = self.scale * jnp.moveaxis(_orthonormalized(matrices), 0, 1)
        return w.reshape(shape).astype(v.dtype)


def _orthonormalized(matrices: Array) -> Array:
    """Returns matrices [g, m, n] with orthonormal columns, or rows where n > m."""
    if matrices.shape[-1] > matrices.shape[-2]:
        return jnp.swapaxes(_orthonormalized(jnp.swapaxes(matrices, -1, -2)), -1, -2)
    q, r = jnp.linalg.qr(matrices)
    diagonal = jnp.diagonal(r, axis1=-2, axis2=-1)
    return q * jnp.where(diagonal < 0, -1.0, 1.0)[..., None, :]
