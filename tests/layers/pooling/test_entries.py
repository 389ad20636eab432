"""What single entries are, beyond their goldens."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.layers.pooling import POOLINGS, Window
from tests.layers.complaints import matches
from tests.layers.devices import spread


def apply(choice: str, window: Window | None, x: jax.Array, **params: jax.Array) -> jax.Array:
    module = resolve(POOLINGS, choice, "pool")(window=window)
    return jax.jit(lambda params, x: module.apply({"params": params}, x, train=False))(params, x)


@functools.partial(jax.jit, static_argnums=1)
def draw(x: jax.Array, window: Window | None, seed: int = 0) -> jax.Array:
    return POOLINGS["stochastic"](window=window).apply({}, x, train=True, rngs={"dropout": jax.random.key(seed)})


def images(*shape: int) -> jax.Array:
    return jax.random.normal(jax.random.key(0), shape)


@pytest.mark.parametrize("window", [Window(2), Window(3, 2, padding=1), Window(4, 3)])
def test_max_equals_xla_in_value_and_gradient_even_where_values_tie(window: Window) -> None:
    x = jnp.round(images(2, 11, 13, 3))  # few different values, so that nearly every window ties

    def reference(x: jax.Array) -> jax.Array:
        pads = [(0, 0), *[(window.padding, window.padding)] * 2, (0, 0)]
        size, step = window.size, window.step
        return lax.reduce_window(x, -jnp.inf, lax.max, (1, size, size, 1), (1, step, step, 1), pads)

    y, pull = jax.vjp(lambda x: apply("max", window, x), x)
    expected, expected_pull = jax.vjp(jax.jit(reference), x)
    np.testing.assert_array_equal(y, expected)
    g = images(*y.shape)
    np.testing.assert_allclose(pull(g)[0], expected_pull(g)[0], rtol=1e-5, atol=1e-6)


def test_max_differentiates_forward_too() -> None:
    x, change = images(2, 1, 6, 6, 2)
    value, slope = jax.jvp(lambda x: apply("max", Window(3, 2, padding=1), x), (x,), (change,))
    step = 1e-3 * change
    difference = (apply("max", Window(3, 2, padding=1), x + step) - value) / 1e-3
    np.testing.assert_allclose(slope, difference, atol=0.01)


def test_lp_runs_from_the_sum_to_the_maximum() -> None:
    x = jnp.abs(images(2, 8, 8, 3))
    np.testing.assert_allclose(apply("lp(p=1)", Window(2), x), apply("sum", Window(2), x), rtol=1e-5)
    np.testing.assert_allclose(apply("lp(p=60)", Window(2), x), apply("max", Window(2), x), rtol=0.03)


@pytest.mark.parametrize("window", [Window(2), None])
def test_generalized_mean_runs_from_the_mean_to_the_maximum(window: Window | None) -> None:
    x = jnp.abs(images(2, 4, 4, 3)) + 0.1
    for p, limit in ((1.0, "avg"), (60.0, "max")):
        y = apply("generalized_mean", window, x, p=jnp.full((1,), p))
        np.testing.assert_allclose(y, apply(limit, window, x), rtol=0.06)


def test_mixed_runs_from_the_mean_to_the_maximum() -> None:
    x = images(2, 8, 8, 2)
    y = apply("mixed(shared=False)", Window(2), x, mix=jnp.asarray([-30.0, 30.0]))
    np.testing.assert_allclose(y[..., 0], apply("avg", Window(2), x)[..., 0], rtol=1e-5)
    np.testing.assert_allclose(y[..., 1], apply("max", Window(2), x)[..., 1], rtol=1e-5)


def test_subsampling_starts_as_the_mean() -> None:
    x = images(2, 8, 8, 3)
    for window in (Window(2), None):
        module = POOLINGS["subsampling"](window=window)
        y, variables = module.init_with_output(jax.random.key(0), x, train=False)
        np.testing.assert_allclose(y, apply("avg", window, x), rtol=1e-5, atol=1e-6)
        assert jax.tree.map(jnp.shape, variables["params"]) == {"scale": (3,), "bias": (3,)}


@pytest.mark.parametrize("window", [Window(5, 2, padding=4), Window(4, 3, padding=1), Window(3)])
def test_gaussian_is_a_convolution_of_every_plane_with_its_weights(window: Window) -> None:
    x = images(6, 11, 10, 1)
    z = (np.arange(window.size) - (window.size - 1) / 2) / (0.3 * window.size)
    weights = np.exp(-0.5 * (z[:, None] ** 2 + z**2))
    kernel = jnp.asarray(weights / weights.sum(), jnp.float32)[..., None, None]
    pads = [(window.padding, window.padding)] * 2
    expected = lax.conv_general_dilated(x, kernel, (window.step,) * 2, pads, dimension_numbers=("NHWC", "HWIO", "NHWC"))
    np.testing.assert_allclose(apply("gaussian(sigma=0.3)", window, x), expected, atol=1e-5)


def test_gaussian_runs_from_the_middle_to_the_mean() -> None:
    x = images(2, 9, 9, 3)
    np.testing.assert_allclose(apply("gaussian(sigma=0.01)", Window(3), x), x[:, 1::3, 1::3], atol=1e-5)
    np.testing.assert_allclose(apply("gaussian(sigma=100)", Window(3), x), apply("avg", Window(3), x), atol=1e-4)


@pytest.mark.parametrize("filter_size", [2, 3])
@pytest.mark.parametrize("window", [Window(2), Window(3, 2, padding=1, ceil=True)])
def test_blur_has_the_shape_of_the_pooling_it_replaces(window: Window, filter_size: int) -> None:
    for length in (8, 9):
        x = images(1, length, 12, 2)
        assert apply(f"blur(filter_size={filter_size})", window, x).shape == apply("max", window, x).shape


def test_blur_of_one_tap_is_plain_pooling() -> None:
    x = images(1, 9, 9, 2)
    window = Window(3, 2)
    for before in ("max", "avg"):
        y = apply(f"blur(filter_size=1, before={before!r})", window, x)
        np.testing.assert_allclose(y, apply(before, window, x), rtol=1e-5, atol=1e-6)


def test_blur_of_a_plane_of_one_position() -> None:
    x = images(1, 2, 2, 3)
    np.testing.assert_allclose(apply("blur(filter_size=5)", Window(2), x), apply("max", Window(2), x), rtol=1e-6)


def test_blur_makes_pooling_less_sensitive_to_shifts() -> None:
    x = images(4, 33, 33, 8)

    def change(choice: str) -> float:
        y, shifted = (apply(choice, Window(2), part) for part in (x[:, :32, :32], x[:, 1:, 1:]))
        return float(jnp.std(y - shifted) / jnp.std(y))

    assert change("blur(filter_size=5)") < 0.75 * change("max")


def test_stochastic_draws_with_chances_in_proportion() -> None:
    plane = jnp.asarray([[1.0, 2.0], [-3.0, 5.0]])
    drawn = np.asarray(draw(jnp.broadcast_to(plane[None, :, :, None], (1, 2, 2, 40_000)), None))
    values, counts = np.unique(drawn, return_counts=True)
    np.testing.assert_array_equal(values, [1, 2, 5])
    np.testing.assert_allclose(counts / 40_000, [1 / 8, 2 / 8, 5 / 8], atol=0.01)


@pytest.mark.parametrize("window", [Window(3, 2, padding=1, ceil=True), None])
def test_stochastic_means_what_evaluation_says(window: Window | None) -> None:
    x = images(1, 6, 6, 4)
    draws = draw(jnp.repeat(x, 4000, axis=0), window)
    np.testing.assert_allclose(jnp.mean(draws, axis=0), apply("stochastic", window, x)[0], atol=0.1)


def test_stochastic_draws_uniformly_where_nothing_is_active() -> None:
    window = Window(3, 2, padding=1)
    x = -1 - jax.random.uniform(jax.random.key(0), (1, 4, 4, 3))
    draws = draw(jnp.repeat(x, 4000, axis=0), window)
    mean = apply("avg(count_include_pad=False)", window, x)[0]
    np.testing.assert_allclose(jnp.mean(draws, axis=0), mean, atol=0.04)
    assert np.all(draws < -1)  # never the zeros of the padding


def test_stochastic_leads_the_gradient_to_what_was_drawn() -> None:
    x = jnp.abs(images(1, 4, 4, 2))
    gradient = jax.grad(lambda x: jnp.sum(draw(x, Window(2))))(x)
    assert set(np.unique(gradient)) == {0.0, 1.0}
    np.testing.assert_allclose(jnp.sum(gradient * x), jnp.sum(draw(x, Window(2))), rtol=1e-6)


def test_draws_do_not_depend_on_the_devices() -> None:
    x = jnp.abs(images(8, 4, 4, 2))
    np.testing.assert_array_equal(spread(lambda part: draw(part, Window(2)), x, devices=4), draw(x, Window(2)))
    assert not np.array_equal(draw(x, Window(2)), draw(x, Window(2), seed=1))


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ("lp(p=0.5)", "pooling 'lp': p must be ... got 0.5"),
        ("generalized_mean(p=0)", "pooling 'generalized_mean': p must be ... got 0"),
        ("generalized_mean(epsilon=-1)", "pooling 'generalized_mean': epsilon must be ... got -1"),
        ("gaussian(sigma=0)", "pooling 'gaussian': sigma must be ... got 0"),
        ("blur(filter_size=0)", "pooling 'blur': filter_size must be ... got 0"),
        ("blur(before='sum')", "pooling 'blur': before must be ... got 'sum'"),
        ("mixed(shared=2)", "pooling 'mixed': shared must be ... got 2"),
        ("avg(count_include_pad='no')", "pooling 'avg': count_include_pad must be ... got 'no'"),
    ],
)
def test_bad_arguments_are_refused_when_it_is_made(choice: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(POOLINGS, choice, "pool")(window=Window(2))
    assert matches(caught, complaint)


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (dict(size=0), "pooling window: size must be ... got 0"),
        (dict(size=2, stride=0), "pooling window: stride must be ... got 0"),
        (dict(size=2, padding=2), "pooling window: padding 2 must be smaller than its size, 2"),
    ],
)
def test_bad_windows_are_refused(arguments: dict, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        Window(**arguments)
    assert matches(caught, complaint)


def test_a_window_larger_than_the_plane_is_refused() -> None:
    with pytest.raises(UserError, match="a window of 5 does not fit 4 positions; use larger images"):
        apply("max", Window(5), images(1, 4, 4, 1))
