"""Penalties: frozen dataclasses, called as `penalty(params) -> scalar`, the sum over all kernels.

A kernel stands for its matrix W [filter, outputs], with columns w_f and singular values sigma_i.
"""

from __future__ import annotations

import dataclasses
from typing import Any

import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.checks import check_count, check_number
from deepvision.regularizers.matrices import absolute, as_matrix, kernels, norm, start_vector, tall
from deepvision.types import Array


@dataclasses.dataclass(frozen=True)
class Penalty:
    """What the penalties share: scale * sum over the kernels of `value`.

    Attributes:
        scale: the weight in the loss, at least 0.
    Raises: UserError for an argument outside its range.
    """

    scale: float = 1e-4

    def __post_init__(self) -> None:
        check_number(self.where, "scale", self.scale, 0)

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"regularizer {next(name for name, entry in REGULARIZERS.items() if entry is type(self))!r}"

    def __call__(self, params: Any) -> Array:
        terms = (self.value(as_matrix(kernel)) for kernel in kernels(params))
        return self.scale * sum(terms, start=jnp.zeros((), jnp.float32))

    def value(self, matrix: Array) -> Array:
        """Returns the penalty of one kernel's matrix [filter, outputs], without the scale."""
        raise NotImplementedError


class L1(Penalty):
    """scale sum |w|: a Laplace prior of width 1 / (N scale). Source: Tibshirani 1996, sections 1 and 5."""

    def value(self, matrix: Array) -> Array:
        return jnp.sum(absolute(matrix))


class L2(Penalty):
    """scale / 2 sum w^2: a Gaussian prior of variance 1 / (N scale); its gradient is scale w.

    Source: Krogh & Hertz 1991, section 1.
    """

    def value(self, matrix: Array) -> Array:
        return jnp.sum(jnp.square(matrix)) / 2


@dataclasses.dataclass(frozen=True)
class Elastic(Penalty):
    """scale (l1_ratio sum |w| + (1 - l1_ratio) / 2 sum w^2).

    Attributes:
        l1_ratio: the share of the absolute values, in [0, 1].
    Source: Zou & Hastie 2005, section 2.1.
    """

    l1_ratio: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.where, "l1_ratio", self.l1_ratio, 0, 1)

    def value(self, matrix: Array) -> Array:
        lasso, ridge = jnp.sum(absolute(matrix)), jnp.sum(jnp.square(matrix)) / 2
        return self.l1_ratio * lasso + (1 - self.l1_ratio) * ridge


class GroupLasso(Penalty):
    """scale sum_f sqrt(p) ||w_f||, p the weights in a filter: drives whole filters to zero.

    Source: Yuan & Lin 2006, section 2; filters as groups: Wen et al. 2016, section 3.
    """

    def value(self, matrix: Array) -> Array:
        return matrix.shape[0] ** 0.5 * jnp.sum(norm(matrix, axis=0))


class Orthogonal(Penalty):
    """scale ||W^T W - I||_F^2 = scale sum_i (sigma_i^2 - 1)^2, with W^T in place of W where W is wide.

    Source: Bansal et al. 2018, section 3.1 (SO).
    """

    def value(self, matrix: Array) -> Array:
        columns = tall(matrix)
        return jnp.sum(jnp.square(columns.T @ columns - jnp.eye(columns.shape[1], dtype=columns.dtype)))


class DoubleOrthogonal(Orthogonal):
    """scale (||W^T W - I||_F^2 + ||W W^T - I||_F^2).

    The two differ by the constant |filter - outputs|, the dimensions that the longer side cannot fill: the gradient is
    that of `orthogonal` at twice the scale, and only a square kernel reaches zero.

    Source: Bansal et al. 2018, section 3.2 (DSO).
    """

    def value(self, matrix: Array) -> Array:
        return 2 * super().value(matrix) + abs(matrix.shape[0] - matrix.shape[1])


@dataclasses.dataclass(frozen=True)
class _PowerIterated(Penalty):
    """A penalty on a leading singular value.

    Attributes:
        iterations: steps of the power method, from the same vector every time, so that the penalty is a function of
            the parameters alone. The vectors are held constant for the gradient.
    """

    iterations: int = 10

    def __post_init__(self) -> None:
        super().__post_init__()
        check_count(self.where, "iterations", self.iterations)


class SpectralIsometry(_PowerIterated):
    """scale sigma_max(W^T W - I) = scale max_i |sigma_i^2 - 1|, with W^T in place of W where W is wide.

    Source: Bansal et al. 2018, section 3.4 (SRIP), who take two iterations from a random vector.
    """

    def value(self, matrix: Array) -> Array:
        columns = tall(matrix)

        def apply(columns: Array, x: Array) -> Array:
            return columns.T @ (columns @ x) - x

        start, constant = start_vector(columns.shape[1], columns.dtype), lax.stop_gradient(columns)
        x = lax.fori_loop(0, self.iterations, lambda _, x: ops.l2_normalize(apply(constant, x)), start)
        return norm(apply(columns, x))


class Spectral(_PowerIterated):
    """scale / 2 sigma_1^2. Source: Yoshida & Miyato 2017, algorithm 1."""

    def value(self, matrix: Array) -> Array:
        constant = lax.stop_gradient(matrix)
        vectors = start_vector(matrix.shape[0], matrix.dtype), jnp.zeros(matrix.shape[1], matrix.dtype)
        left, right = lax.fori_loop(
            0, self.iterations, lambda _, vectors: ops.power_iteration(constant, vectors[0], 1), vectors
        )
        return jnp.square(left @ matrix @ right) / 2


REGULARIZERS = {
    "l1": L1,
    "l2": L2,
    "elastic": Elastic,
    "group_lasso": GroupLasso,
    "orthogonal": Orthogonal,
    "double_orthogonal": DoubleOrthogonal,
    "srip": SpectralIsometry,
    "spectral": Spectral,
}
