"""Muon: the momentum of a kernel, made orthogonal, is its update. The iteration is that of optax."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import optax

from deepvision.params import is_kernel
from deepvision.train.groups import named
from deepvision.types import Array

HIDDEN, OTHERS = "hidden", "others"


def muon(
    rate: Any,
    decay: optax.GradientTransformation,
    others: optax.GradientTransformation,
    left: Sequence[str],
    beta: float,
    steps: int,
    fixed_norm: bool,
) -> optax.GradientTransformation:
    """Returns Muon for hidden kernels, and another optimizer for all else.

    With the kernel W as a matrix [filter, outputs], M its momentum and O(M) = U V^T, nearly, where M = U S V^T:

        W <- W - rate (sqrt(max(1, outputs / filter)) O(M) + decay W)

    Args:
        rate: the learning rate as a function of the step.
        decay: what adds it to the updates.
        others: the optimizer of biases, scales and the kernels that are left to it.
        left: wildcards of these kernels.
        beta: of the momentum, with Nesterov's look ahead.
        steps: of the Newton-Schulz iteration; each brings the singular values nearer to one.
        fixed_norm: bring each hidden kernel to the norm sqrt(outputs) before its update, for networks in which a norm
            follows every convolution, so that its length means nothing but its own learning rate.
    Source: Jordan et al. 2024, "Muon: an optimizer for hidden layers"; the norm: airbench94_muon.py in
        github.com/KellerJordan/cifar10-airbench.
    """
    hidden = optax.chain(
        optax.contrib.scale_by_muon(ns_steps=steps, beta=beta, weight_dimension_numbers=_matrices),
        optax.stateless(lambda updates, _: jax.tree.map(_scaled, updates)),
        decay,
        optax.scale_by_learning_rate(rate),
        optax.stateless(_from_fixed_norm) if fixed_norm else optax.identity(),
    )

    def labels(params: Any) -> Any:
        kernels = jax.tree_util.tree_map_with_path(is_kernel, params)
        return jax.tree.map(lambda kernel, out: HIDDEN if kernel and not out else OTHERS, kernels, named(left, params))

    return optax.partition({HIDDEN: hidden, OTHERS: others}, labels)


def _matrices(params: Any) -> Any:
    """Returns how the axes of every kernel make a matrix."""
    return jax.tree.map(
        lambda kernel: optax.contrib.MuonDimensionNumbers(tuple(range(kernel.ndim - 1)), kernel.ndim - 1), params
    )


def _scaled(update: Array) -> Array:
    """Returns the update of a kernel, larger where it has more outputs than a filter has weights."""
    return update * max(1.0, update.shape[-1] ** 2 / update.size) ** 0.5


def _from_fixed_norm(updates: Any, params: Any) -> Any:
    """Returns updates that start from kernels of the norm sqrt(outputs), in place of the kernels as they are."""

    def moved(update: Array, kernel: Array) -> Array:
        norm = jnp.linalg.norm(kernel)
        return update + jnp.where(norm > 0, kernel.shape[-1] ** 0.5 / jnp.where(norm > 0, norm, 1) - 1, 0) * kernel

    return jax.tree.map(moved, updates, params)
