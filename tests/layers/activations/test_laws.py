"""Laws of every entry of the table: what it declares is true, and it behaves as an activation must."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, PROPERTIES, width
from tests.layers.activations import applied

FAR = 1e4  # where even algebraic tails have come within one percent
ELEMENTWISE = [name for name in ACTIVATIONS if width(resolve(ACTIVATIONS, name, "act")) == 1]
ACROSS_CHANNELS = [name for name in ACTIVATIONS if name not in ELEMENTWISE]


def test_every_entry_declares_its_properties() -> None:
    assert list(PROPERTIES) == list(ACTIVATIONS)


@functools.cache
def line(name: str) -> tuple[np.ndarray, np.ndarray]:
    """Returns values and derivatives in float64 on a fine grid with far ends, all channels moving together."""
    with jax.enable_x64(True):
        near = jnp.linspace(-20, 20, 40_001)
        x = jnp.concatenate([jnp.asarray([-FAR]), near, jnp.asarray([FAR])])[:, None]
        x = jnp.broadcast_to(x, (len(x), 2)) if name in ACROSS_CHANNELS else x
        y, derivative = jax.jvp(applied.function(name, channels=x.shape[1]), (x,), (jnp.ones_like(x),))
        return np.asarray(y), np.asarray(derivative)


def assert_within(values: np.ndarray, bounds: tuple[float, float]) -> None:
    """Checks that values lie within bounds, and come close to each: one percent, or 40 where it is infinite."""
    low, high = bounds
    assert values.min() >= low - 1e-9 and values.max() <= high + 1e-9
    assert values.min() <= (low + 0.01 if np.isfinite(low) else -40)
    assert values.max() >= (high - 0.01 if np.isfinite(high) else 40)


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_bounds_of_values_and_derivatives(name: str) -> None:
    y, derivative = line(name)
    assert_within(y, PROPERTIES[name].range)
    assert_within(derivative, PROPERTIES[name].derivative)


@pytest.mark.parametrize("name", ACROSS_CHANNELS)
def test_bounds_across_channels(name: str) -> None:
    with jax.enable_x64(True):
        f = applied.function(name, channels=4)
        x = 100 * jax.random.normal(jax.random.key(0), (5000, 4))
        assert_within(np.asarray(f(x)), PROPERTIES[name].range)
        assert_within(np.asarray(jax.vmap(jax.jacfwd(f))(x)), PROPERTIES[name].derivative)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_saturates_where_it_says(name: str) -> None:
    _, derivative = line(name)
    flat = {side for side, end in (("left", 0), ("right", -1)) if np.all(np.abs(derivative[end]) < 1e-3)}
    said = PROPERTIES[name].saturates
    assert flat == ({"left", "right"} if said == "both" else {said} - {"none"})


def inputs(dtype: type = np.float32) -> jax.Array:
    return 3 * jax.random.normal(jax.random.key(0), (24, 8), dtype)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_gradients_match_finite_differences(name: str) -> None:
    with jax.enable_x64(True):
        apply, params = applied.with_params(name)
        check_grads(jax.jit(apply), (params, inputs(np.float64)), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_neither_jit_nor_shape_matters(name: str) -> None:
    f, x = applied.function(name), inputs()
    y = f(x)
    np.testing.assert_allclose(jax.jit(f)(x), y, rtol=1e-5, atol=1e-6)
    for shape in ((2, 12), (2, 3, 4)):
        reshaped = f(x.reshape(*shape, 8))
        assert reshaped.shape[:-1] == shape
        np.testing.assert_allclose(reshaped.reshape(24, -1), y, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_bfloat16_is_finite_and_near(name: str) -> None:
    f, x = applied.function(name), inputs(jnp.bfloat16)
    y, pull = jax.vjp(jax.jit(f), x)
    (gradient,) = pull(jnp.ones_like(y))
    assert y.dtype == gradient.dtype == jnp.bfloat16
    assert jnp.all(jnp.isfinite(y)) and jnp.all(jnp.isfinite(gradient))
    np.testing.assert_allclose(y.astype(jnp.float32), f(x.astype(jnp.float32)), rtol=0.03, atol=0.03)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_what_is_not_a_number_stays_so(name: str) -> None:
    """Else a network that diverges would not show it."""
    assert np.all(np.isnan(applied.function(name)(jnp.full((24, 8), jnp.nan))))
