"""Laws of every entry of both tables."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision import ops
from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.layers.stochastic import DROP_PATHS, DROPOUTS, monte_carlo
from tests.layers.complaints import matches
from tests.layers.devices import spread

ENTRIES = DROPOUTS | DROP_PATHS
RATE = 0.3


@functools.partial(jax.jit, static_argnums=(0, 2))
def apply(choice: str, x: jax.Array, train: bool = True, seed: int = 0) -> jax.Array:
    module = resolve(ENTRIES, choice, "noise")()
    return module.apply({}, x, train=train, rngs={"dropout": jax.random.key(seed)})


def at_rate(name: str, *arguments: str) -> str:
    return f"{name}({', '.join([f'rate={RATE}', *arguments])})"


def images(dtype: type = np.float32) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (8, 6, 6, 3), dtype)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_mean_of_the_noise_is_what_evaluation_says(name: str) -> None:
    """Every value by itself; only the sum over an example for dropblock, and given mean 0 and variance 1 for alpha."""
    x = jnp.ones_like(images()) if name == "dropblock" else ops.standardize(images(), (1, 2, 3), epsilon=0)
    choice = at_rate(name, "size=2") if name == "dropblock" else at_rate(name)
    drawn = np.asarray(apply(choice, jnp.repeat(x[:1], 4000, axis=0)))
    expected = np.asarray(apply(at_rate(name), x, False))[0]
    if name == "alpha":
        np.testing.assert_allclose([drawn.mean(), drawn.var()], [0, 1], atol=0.02)
    elif name == "dropblock":
        np.testing.assert_allclose(drawn.mean(axis=(1, 2, 3)), expected.mean(), atol=1e-5)
    else:
        np.testing.assert_allclose(drawn.mean(axis=0), expected, atol=0.1)


@pytest.mark.parametrize("name", ENTRIES)
def test_draws_do_not_depend_on_the_devices(name: str) -> None:
    x = images()
    y = apply(at_rate(name), x)
    np.testing.assert_array_equal(spread(lambda part: apply(at_rate(name), part), x, devices=4), y)
    assert not np.array_equal(y, apply(at_rate(name), x, True, 1))


@pytest.mark.parametrize("name", ENTRIES)
def test_every_example_has_noise_of_its_own(name: str) -> None:
    y = np.asarray(apply(at_rate(name), jnp.ones((8, 6, 6, 3))))
    assert len(np.unique(y.reshape(8, -1), axis=0)) > 1


@pytest.mark.parametrize("name", ENTRIES)
def test_bfloat16_without_positions(name: str) -> None:
    x = images(jnp.bfloat16).reshape(-1, 3)
    y, pull = jax.vjp(lambda x: apply(at_rate(name), x), x)
    (gradient,) = pull(jnp.ones_like(y))
    for values in (y, gradient, apply(at_rate(name), x, False)):
        assert values.shape == x.shape and values.dtype == jnp.bfloat16 and jnp.all(jnp.isfinite(values))


@pytest.mark.parametrize("name", ENTRIES)
def test_the_rate_may_be_traced_or_zero(name: str) -> None:
    x = images()

    def run(rate: jax.Array | int, train: bool) -> jax.Array:
        return ENTRIES[name](rate=rate).apply({}, x, train=train, rngs={"dropout": jax.random.key(0)})

    np.testing.assert_allclose(run(0, True), x, rtol=1e-6)
    rates = jnp.asarray([0.0, RATE])
    for train in (True, False):
        ys = jax.jit(jax.vmap(lambda rate, train=train: run(rate, train)))(rates)
        np.testing.assert_allclose(ys[0], x, rtol=1e-6)
        np.testing.assert_allclose(ys[1], apply(at_rate(name), x, train), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ENTRIES)
def test_two_modes_of_evaluation(name: str) -> None:
    """One scales and needs no key; the other samples, as training does."""
    x = images()
    scaled = ENTRIES[name](rate=RATE).apply({}, x, train=False)
    np.testing.assert_array_equal(scaled, apply(at_rate(name), x, False))
    sampled = apply(at_rate(name, "evaluation='sample'"), x, False)
    np.testing.assert_array_equal(sampled, apply(at_rate(name), x, True))
    assert not np.array_equal(scaled, sampled)


def test_monte_carlo_tends_to_the_exact_mean_of_a_linear_model_and_shows_its_variance() -> None:
    """y = w . dropout(x) has mean w . x and variance sum (w x)^2 rate / (1 - rate)."""
    x, w = jax.random.normal(jax.random.key(0), (2, 3, 10))
    dropout = DROPOUTS["dropout"](rate=RATE, evaluation="sample")

    def predict(key: jax.Array) -> jax.Array:
        return jnp.sum(w * dropout.apply({}, x, train=False, rngs={"dropout": key}), axis=-1)

    mean, variance = jax.jit(lambda key: monte_carlo(predict, key, samples=20_000))(jax.random.key(1))
    np.testing.assert_allclose(mean, jnp.sum(w * x, axis=-1), atol=0.1)
    np.testing.assert_allclose(variance, jnp.sum((w * x) ** 2, axis=-1) * RATE / (1 - RATE), rtol=0.05)


def test_sampling_without_a_key_is_refused() -> None:
    with pytest.raises(UserError, match="dropout 'spatial' at .* draws: apply with rngs="):
        DROPOUTS["spatial"](evaluation="sample").apply({}, jnp.ones((2, 3)), train=False)


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ("dropout(rate=1)", "dropout 'dropout': rate must be ... got 1"),
        ("gaussian(rate=-0.1)", "dropout 'gaussian': rate must be ... got -0.1"),
        ("dropout(evaluation='mean')", "dropout 'dropout': evaluation must be ... got 'mean'"),
        ("dropblock(size=0)", "dropout 'dropblock': size must be ... got 0"),
        ("drop_path(rate='a')", "drop_path 'drop_path': rate must be ... got 'a'"),
        ("shake_drop(alpha=1)", "drop_path 'shake_drop': alpha must be ... got 1"),
        ("shake_drop(beta=(1, 0))", "drop_path 'shake_drop': the upper beta must be ... got 0"),
    ],
)
def test_bad_arguments_are_refused_when_it_is_made(choice: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(ENTRIES, choice, "noise")()
    assert matches(caught, complaint)
