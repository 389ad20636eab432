"""Values and derivatives against torch, which computed goldens.npz in float64 from float32 inputs."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.layers.activations import applied

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
ELEMENTWISE = {
    "relu": "relu",
    "relu6": "relu6",
    "leaky_relu_001": "leaky_relu",
    "leaky_relu_02": "leaky_relu(negative_slope=0.2)",
    "rrelu_eval": "rrelu",
    "elu": "elu",
    "elu_a05": "elu(alpha=0.5)",
    "celu": "celu",
    "celu_a05": "celu(alpha=0.5)",
    "selu": "selu",
    "gelu": "gelu",
    "gelu_tanh": "gelu_tanh",
    "quick_gelu": "quick_gelu",
    "silu": "silu",
    "swish_b15": "swish(beta=1.5)",
    "mish": "mish",
    "softplus": "softplus",
    "softplus_b2_t5": "softplus(beta=2)",
    "hardswish": "hard_swish",
    "hardsigmoid": "hard_sigmoid",
    "hardtanh": "hard_tanh",
    "hardtanh_m2_3": "hard_tanh(low=-2, high=3)",
    "softsign": "softsign",
    "sigmoid": "sigmoid",
    "tanh": "tanh",
    "logsigmoid": "logsigmoid",
    "tanhshrink": "tanhshrink",
    "softshrink": "softshrink",
    "hardshrink": "hardshrink",
    "threshold_01_20": "threshold(threshold=0.1, value=20)",
    "lecun_tanh": "scaled_tanh",
    "squared_relu": "squared_relu",
    "exp": "exp",
    "snake": "snake",
    "serf": "serf",
    "prelu_0.25": "prelu(shared=True)",
    "prelu_-0.1": "prelu(shared=True, negative_slope=-0.1)",
}
ACROSS_CHANNELS = {
    "glu": "glu",
    "geglu": "geglu",
    "swiglu": "swiglu",
    "reglu": "reglu",
    "maxout_k4": "maxout(k=4)",
    "crelu": "crelu",
}


def golden(case: str, *names: str, dtype: type) -> list[np.ndarray]:
    return [GOLDENS[f"act/{case}/{name}"].astype(dtype) for name in names]


def assert_close(actual: jax.Array, expected: np.ndarray) -> None:
    """float32 to 1e-5, float64 to 1e-10, relative; 1 - tanh(x)^2 and the like, to a few last digits of 1."""
    rtol, atol = (1e-5, 5e-7) if actual.dtype == jnp.float32 else (1e-10, 1e-13)
    np.testing.assert_allclose(actual, expected, rtol, atol)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ELEMENTWISE)
def test_elementwise(case: str, dtype: type) -> None:
    x, y, dy = golden(case, "x", "y", "dy", dtype=dtype)
    if case == "softplus_b2_t5":  # torch returns x beyond 2x = 5, a shortcut rather than the function
        x, y, dy = (values[2 * GOLDENS[f"act/{case}/x"] <= 5] for values in (x, y, dy))
    with jax.enable_x64(dtype is np.float64):
        f = applied.function(ELEMENTWISE[case], channels=1)
        actual, derivative = jax.jvp(f, (jnp.asarray(x)[:, None],), (jnp.ones((len(x), 1), dtype),))
        assert actual.dtype == dtype
        assert_close(actual[:, 0], y)
        dy = np.where(dy == np.float32(1 / 6), 1 / 6, dy)  # torch's 1/6 in hard_sigmoid is float32
        assert_close(derivative[:, 0], dy)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", ACROSS_CHANNELS)
def test_across_channels(case: str, dtype: type) -> None:
    x, y, g, d_x = golden(case, "x", "y", "g", "d_x", dtype=dtype)
    with jax.enable_x64(dtype is np.float64):
        actual, pull = jax.vjp(applied.function(ACROSS_CHANNELS[case], channels=16), jnp.asarray(x))
        assert_close(actual, y)
        assert_close(pull(jnp.asarray(g))[0], d_x)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_prelu_learns_a_slope_per_channel(dtype: type) -> None:
    x, y, g, d_x = (np.moveaxis(a, 1, -1) for a in golden("prelu_channels", "x", "y", "g", "d_x", dtype=dtype))
    w, d_w = golden("prelu_channels", "w", "d_w", dtype=dtype)
    with jax.enable_x64(dtype is np.float64):
        apply, _ = applied.with_params("prelu", channels=5)
        actual, pull = jax.vjp(apply, {"negative_slope": jnp.asarray(w)}, jnp.asarray(x))
        by_params, by_x = pull(jnp.asarray(g))
        assert_close(actual, y)
        assert_close(by_x, d_x)
        assert_close(by_params["negative_slope"], d_w)


@pytest.mark.parametrize("case", ["prelu_0.25", "prelu_-0.1"])
def test_prelu_learns_one_slope(case: str) -> None:
    x, d_w = golden(case, "x", "dw", dtype=np.float32)
    apply, params = applied.with_params(ELEMENTWISE[case], channels=1)
    gradient = jax.grad(lambda params: jnp.sum(apply(params, x[:, None])))(params)
    assert_close(gradient["negative_slope"], d_w)


def test_every_golden_is_used() -> None:
    assert {key.split("/")[1] for key in GOLDENS} == {*ELEMENTWISE, *ACROSS_CHANNELS, "prelu_channels"}
