"""Projections: frozen dataclasses, called behind every update as `projection(params, step, model_state) -> params`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

import jax.numpy as jnp
from jax import lax

from deepvision.checks import check_count, check_number, check_positive
from deepvision.errors import UserError
from deepvision.regularizers.matrices import map_kernels, norm
from deepvision.types import Array


@dataclasses.dataclass(frozen=True)
class Projection:
    """What the projections share: when they are applied.

    Attributes:
        every: applied behind each `every`-th update.
    Raises: UserError for an argument outside its range.
    """

    every: int = 1

    def __post_init__(self) -> None:
        check_count(self.where, "every", self.every)

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"projection {next(name for name, entry in PROJECTIONS.items() if entry is type(self))!r}"

    def __call__(self, params: Any, step: Array | int, model_state: Mapping[str, Any] | None = None) -> Any:
        """Returns the parameters, projected if it is time.

        Args:
            params: the network's parameters.
            step: number of updates before the one just made, from 0.
            model_state: the network's other collections, such as `batch_stats`.
        """
        if self.every == 1:
            return self.project(params, model_state)
        due = (step + 1) % self.every == 0
        return lax.cond(due, lambda values: self.project(values, model_state), lambda values: values, params)

    def project(self, params: Any, model_state: Mapping[str, Any] | None) -> Any:
        """Returns the projected parameters."""
        raise NotImplementedError


@dataclasses.dataclass(frozen=True)
class SingularValueBounding(Projection):
    """W = U S V^T becomes U clip(S, 1 / (1 + epsilon), 1 + epsilon) V^T, for every kernel's matrix [filter, outputs].

    Attributes:
        every: see `Projection`; the paper does it once per epoch (391 updates).
        epsilon: half the width of the band, at least 0; at 0 the nearest orthogonal matrix.
    Source: Jia et al. 2017, algorithm 1.
    """

    every: int = 100
    epsilon: float = 0.5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.where, "epsilon", self.epsilon, 0)

    def project(self, params: Any, model_state: Mapping[str, Any] | None) -> Any:
        def bound(matrix: Array) -> Array:
            left, values, right = jnp.linalg.svd(matrix, full_matrices=False)
            return (left * jnp.clip(values, 1 / (1 + self.epsilon), 1 + self.epsilon)) @ right

        return map_kernels(bound, params)


@dataclasses.dataclass(frozen=True)
class BoundedBatchNorm(Projection):
    """Keeps what a batch norm multiplies its channels by, a_c = scale_c / sqrt(var_c), near its mean over the channels.

        a_c  becomes  clip(a_c, mean(a) / (1 + epsilon), mean(a) (1 + epsilon))

    by a change of scale_c; var is the running variance. It goes with `singular_value_bounding`, so that the norms do
    not undo what that does to the kernels. A network without batch norms, told by their running variances, is left as
    it is.

    Attributes:
        every: see `Projection`.
        epsilon: half the width of the band, at least 0.
        variance_epsilon: added to the variance, as the norm does.
    Source: Jia et al. 2017, bounded batch normalization.
    """

    every: int = 100
    epsilon: float = 1.0
    variance_epsilon: float = 1e-5

    def __post_init__(self) -> None:
        super().__post_init__()
        check_number(self.where, "epsilon", self.epsilon, 0)
        check_number(self.where, "variance_epsilon", self.variance_epsilon, 0)

    def project(self, params: Any, model_state: Mapping[str, Any] | None) -> Any:
        if model_state is None:
            raise UserError(f"{self.where}: needs the running variances; hand over the network's `batch_stats`")
        return self._bounded(params, model_state.get("batch_stats", {}))

    def _bounded(self, params: Any, statistics: Any) -> Any:
        """Returns a tree of parameters whose norms, wherever `statistics` has their variance, are bounded."""
        if not isinstance(params, Mapping) or not isinstance(statistics, Mapping):
            return params
        bounded = {key: self._bounded(value, statistics.get(key, {})) for key, value in params.items()}
        if "scale" in params and "var" in statistics:
            bounded["scale"] = self._bound(params["scale"], statistics["var"])
        return bounded

    def _bound(self, scale: Array, variance: Array) -> Array:
        deviation = jnp.sqrt(variance + self.variance_epsilon)
        slope = scale / deviation
        mean = jnp.mean(slope)
        low, high = jnp.sort(jnp.stack([mean / (1 + self.epsilon), mean * (1 + self.epsilon)]))
        return (jnp.clip(slope, low, high) * deviation).astype(scale.dtype)


@dataclasses.dataclass(frozen=True)
class MaxNorm(Projection):
    """w_f becomes w_f min(1, limit / ||w_f||), for every filter.

    Attributes:
        every: see `Projection`.
        limit: largest norm, above 0.
    Source: Hinton et al. 2012, section 2; Srivastava et al. 2014, section 5.1.
    """

    limit: float = 3.0

    def __post_init__(self) -> None:
        super().__post_init__()
        check_positive(self.where, "limit", self.limit)

    def project(self, params: Any, model_state: Mapping[str, Any] | None) -> Any:
        return map_kernels(lambda matrix: matrix * (self.limit / jnp.maximum(norm(matrix, axis=0), self.limit)), params)


class UnitNorm(Projection):
    """w_f becomes w_f / ||w_f||, for every filter; a filter of zeros stays. Source: Huang et al. 2017 (1710.02338)."""

    def project(self, params: Any, model_state: Mapping[str, Any] | None) -> Any:
        def unit(matrix: Array) -> Array:
            length = norm(matrix, axis=0)
            return matrix / jnp.where(length > 0, length, 1)

        return map_kernels(unit, params)


PROJECTIONS = {
    "singular_value_bounding": SingularValueBounding,
    "bounded_batch_norm": BoundedBatchNorm,
    "max_norm": MaxNorm,
    "unit_norm": UnitNorm,
}
