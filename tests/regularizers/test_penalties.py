"""Penalties: their formulas, their minimisers, their gradients, and the priors they stand for."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.scipy import stats

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.regularizers import REGULARIZERS
from tests.layers.norms.support import normal, relative_error

TALL, WIDE, SQUARE = (3, 3, 2, 5), (4, 9), (6, 6)
SHAPES = {"tall": TALL, "wide": WIDE, "square": SQUARE}


def make(choice: str, **arguments: Any) -> Any:
    return resolve(REGULARIZERS, dict(name=choice, **arguments) if arguments else choice, "regularizer")()


def converged(entry: str, scale: float = 1.0) -> Any:
    """Returns the penalty, its power method, if it has one, run to the end."""
    return make(entry, scale=scale, **({"iterations": 2000} if entry in ("srip", "spectral") else {}))


def orthonormal(shape: tuple[int, ...]) -> np.ndarray:
    rows, columns = int(np.prod(shape[:-1])), shape[-1]
    q = np.linalg.qr(normal((max(rows, columns), min(rows, columns))))[0]
    return (q if rows >= columns else q.T).reshape(shape)


def expected(entry: str, kernel: np.ndarray) -> float:
    """Returns the penalty by its formula over singular values and entries."""
    w = kernel.reshape(-1, kernel.shape[-1])
    sigma = np.linalg.svd(w, compute_uv=False)
    gram, other = w.T @ w - np.eye(w.shape[1]), w @ w.T - np.eye(w.shape[0])
    return {
        "l1": np.abs(w).sum(),
        "l2": np.square(w).sum() / 2,
        "elastic": np.abs(w).sum() / 2 + np.square(w).sum() / 4,
        "group_lasso": np.sqrt(w.shape[0]) * np.linalg.norm(w, axis=0).sum(),
        "orthogonal": np.square(sigma**2 - 1).sum(),
        "double_orthogonal": np.square(gram).sum() + np.square(other).sum(),
        "srip": np.abs(sigma**2 - 1).max(),
        "spectral": sigma[0] ** 2 / 2,
    }[entry]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("entry", REGULARIZERS)
def test_value_is_that_of_the_formula(entry: str, shape: str) -> None:
    kernel = normal(SHAPES[shape])
    with jax.enable_x64(True):
        value = jax.jit(converged(entry, scale=0.3))({"layer": {"kernel": kernel}})
    assert float(value) == pytest.approx(0.3 * expected(entry, kernel), rel=1e-9)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("entry", REGULARIZERS)
def test_zero_exactly_at_the_minimisers(entry: str, shape: str) -> None:
    """At zero, or where all singular values are one; there the gradient vanishes, and elsewhere something is paid."""
    to_zero = entry in ("l1", "l2", "elastic", "group_lasso", "spectral")
    kernel = np.zeros(SHAPES[shape]) if to_zero else orthonormal(SHAPES[shape])
    least = 0.0
    if entry == "double_orthogonal":  # the longer side of the matrix cannot be filled
        least = float(abs(np.prod(kernel.shape[:-1]) - kernel.shape[-1]))
    with jax.enable_x64(True):
        penalty = jax.jit(make(entry, scale=1.0))
        value, gradient = jax.value_and_grad(penalty)({"kernel": jnp.asarray(kernel)})
        away = [float(penalty({"kernel": kernel + 0.1 * normal(kernel.shape, seed)})) for seed in range(3)]
    assert float(value) == pytest.approx(least, abs=1e-13)
    assert np.max(np.abs(gradient["kernel"])) < 1e-13
    assert min(away) > least + 1e-3


@pytest.mark.parametrize("entry", REGULARIZERS)
def test_gradients_are_those_of_finite_differences(entry: str) -> None:
    with jax.enable_x64(True):
        penalty = jax.jit(converged(entry))
        point, direction = jnp.asarray(normal(TALL)), normal(TALL, seed=1)
        step = 1e-6
        ahead, behind = (float(penalty({"kernel": point + sign * step * direction})) for sign in (1, -1))
        found = float(jnp.vdot(jax.grad(penalty)({"kernel": point})["kernel"], direction))
    assert found == pytest.approx((ahead - behind) / (2 * step), rel=1e-6)


def test_the_default_power_iterations_come_close() -> None:
    kernel = normal((3, 3, 32, 64), dtype=np.float32)
    for entry in ("srip", "spectral"):
        value = float(make(entry, scale=1.0)({"kernel": kernel}))
        assert 0.8 * expected(entry, kernel) < value <= expected(entry, kernel) * (1 + 1e-5)


@pytest.mark.parametrize("entry", REGULARIZERS)
def test_kernels_alone_count(entry: str) -> None:
    """Told by role and rank: no bias, gain, norm's scale or class token, whatever their values."""
    kernel = jnp.asarray(normal(TALL), jnp.float32)
    others = {"bias": jnp.ones(5), "kernel_gain": jnp.ones(5)}
    params = {"conv": {"kernel": kernel, **others}, "norm": {"scale": jnp.ones(5)}, "class_token": jnp.ones((1, 1, 5))}
    penalty = make(entry)
    value, gradient = jax.value_and_grad(penalty)(params)
    assert value.dtype == jnp.float32 and value.shape == ()
    assert value == penalty({"kernel": kernel})
    gradient["conv"].pop("kernel")
    assert not any(np.any(leaf) for leaf in jax.tree.leaves(gradient))
    assert make(entry)({"norm": {"scale": jnp.ones(5)}}) == 0


@pytest.mark.parametrize("entry", REGULARIZERS)
def test_kernels_add_up(entry: str) -> None:
    a, b = (jnp.asarray(normal(TALL, seed), jnp.float32) for seed in (0, 1))
    penalty = make(entry)
    together = penalty({"a": {"kernel": a}, "b": {"kernel": b}})
    assert float(together) == pytest.approx(float(penalty({"kernel": a}) + penalty({"kernel": b})), rel=1e-6)


@pytest.mark.parametrize("entry", REGULARIZERS)
def test_bfloat16_kernels_are_summed_in_float32(entry: str) -> None:
    kernel = jnp.asarray(normal(TALL), jnp.bfloat16)
    value = make(entry)({"kernel": kernel})
    assert value.dtype == jnp.float32
    assert relative_error(value, make(entry)({"kernel": kernel.astype(jnp.float32)})) < 1e-6


@pytest.mark.parametrize(
    ("entry", "log_prior"),
    [
        ("l2(scale={scale})", lambda w, deviation: stats.norm.logpdf(w, scale=deviation)),
        ("l1(scale={scale})", lambda w, width: stats.laplace.logpdf(w, scale=width)),
    ],
    ids=["gaussian", "laplace"],
)
def test_penalties_are_priors(entry: str, log_prior: Any) -> None:
    """Mean loss + penalty is -(log likelihood + log prior) / N, up to a constant: the same gradient everywhere."""
    examples, spread = 50, 0.4
    scale = 1 / (examples * (spread**2 if "l2" in entry else spread))
    with jax.enable_x64(True):
        x, y, w = normal((examples, 7)), normal((examples, 3), seed=1), jnp.asarray(normal((7, 3), seed=2))
        penalty = make(entry.format(scale=scale))

        def log_likelihood(w: jax.Array) -> jax.Array:
            return jnp.sum(stats.norm.logpdf(y, loc=x @ w))

        def loss(w: jax.Array) -> jax.Array:
            return -log_likelihood(w) / examples + penalty({"kernel": w})

        def log_posterior(w: jax.Array) -> jax.Array:
            return log_likelihood(w) + jnp.sum(log_prior(w, spread))

        assert relative_error(jax.grad(loss)(w), -jax.grad(log_posterior)(w) / examples) < 1e-12


def test_l2_leads_to_the_posterior_mode_of_ridge_regression() -> None:
    """With unit noise and prior deviation s, that is (X^T X + I / s^2)^-1 X^T y."""
    examples, deviation = 50, 0.4
    x, y = normal((examples, 7)), normal((examples, 3), seed=1)
    mode = np.linalg.solve(x.T @ x + np.eye(7) / deviation**2, x.T @ y)
    with jax.enable_x64(True):
        penalty = make("l2", scale=1 / (examples * deviation**2))
        gradient = jax.grad(lambda w: jnp.sum((y - x @ w) ** 2) / (2 * examples) + penalty({"kernel": w}))(mode)
    assert np.max(np.abs(gradient)) < 1e-14


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("l2(scale=-1)", "regularizer 'l2': scale must be a number, at least 0, got -1"),
        ("l1(scale='x')", "regularizer 'l1': scale must be a number, at least 0, got 'x'"),
        ("elastic(l1_ratio=1.5)", "regularizer 'elastic': l1_ratio must be a number in [0, 1], got 1.5"),
        ("srip(iterations=0)", "regularizer 'srip': iterations must be a whole number, at least 1, got 0"),
        (
            "spectral(iterations=True)",
            "regularizer 'spectral': iterations must be a whole number, at least 1, got True",
        ),
        ("orthogonl", "unknown regularizer 'orthogonl' (did you mean 'orthogonal'?)"),
        ("l2(strength=1)", "unknown argument of regularizer 'l2': 'strength'"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(choice: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        make(choice)
    assert message in str(error.value) and "\n" not in str(error.value)
