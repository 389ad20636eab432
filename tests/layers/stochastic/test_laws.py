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
def apply(entry: str, x: jax.Array, train: bool = True, seed: int = 0) -> jax.Array:
    module = resolve(ENTRIES, entry, "noise")()
    return module.apply({}, x, train=train, rngs={"dropout": jax.random.key(seed)})


def choice(name: str, *arguments: str) -> str:
    """Returns an entry at the rate of these tests, with blocks small enough for their images."""
    return f"{name}({', '.join([f'rate={RATE}', *(['size=2'] if name == 'dropblock' else []), *arguments])})"


def images(dtype: type = np.float32) -> jax.Array:
    """Returns 4000 images, one after the other the same."""
    x = ops.standardize(jax.random.normal(jax.random.key(1), (1, 6, 6, 2)), (1, 2, 3), epsilon=0)
    return jnp.repeat(x, 4000, axis=0).astype(dtype)


@pytest.mark.parametrize("name", ENTRIES)
def test_the_mean_of_the_noise_is_what_evaluation_says(name: str) -> None:
    """Every value by itself; only the sum over an example for dropblock, and given mean 0 and variance 1 for alpha."""
    x = jnp.ones_like(images()) if name == "dropblock" else images()
    drawn, expected = np.asarray(apply(choice(name), x)), np.asarray(apply(choice(name), x, False))
    if name == "alpha":
        np.testing.assert_allclose([drawn.mean(), drawn.var()], [0, 1], atol=0.02)
    elif name == "dropblock":
        np.testing.assert_allclose(drawn.sum(axis=(1, 2, 3)), expected.sum(axis=(1, 2, 3)), rtol=1e-5)
    else:
        np.testing.assert_allclose(drawn.mean(axis=0), expected[0], atol=0.12)


@pytest.mark.parametrize("name", ENTRIES)
def test_every_example_has_noise_of_its_own(name: str) -> None:
    y = np.asarray(apply(choice(name), images())).reshape(4000, -1)
    assert len(np.unique(y[:20], axis=0)) > 1
    assert not np.array_equal(y, np.asarray(apply(choice(name), images(), True, 1)).reshape(4000, -1))


@pytest.mark.parametrize("name", ENTRIES)
def test_draws_do_not_depend_on_the_devices(name: str) -> None:
    y = spread(lambda part: apply(choice(name), part), images(), devices=4)
    np.testing.assert_array_equal(y, apply(choice(name), images()))


@pytest.mark.parametrize("name", ENTRIES)
def test_bfloat16_without_positions(name: str) -> None:
    x = images(jnp.bfloat16)[:8].reshape(-1, 2)
    for train in (True, False):
        y = apply(choice(name), x, train)
        assert y.shape == x.shape and y.dtype == jnp.bfloat16 and jnp.all(jnp.isfinite(y))


@pytest.mark.parametrize("name", ENTRIES)
def test_the_rate_may_be_traced(name: str) -> None:
    def run(rate: jax.Array, train: bool) -> jax.Array:
        extra = {"size": 2} if name == "dropblock" else {}
        module = ENTRIES[name](rate=rate, **extra)
        return module.apply({}, images(), train=train, rngs={"dropout": jax.random.key(0)})

    off, on = jax.jit(jax.vmap(lambda rate: run(rate, train=True)))(jnp.asarray([0.0, RATE]))
    np.testing.assert_allclose(off, images(), rtol=1e-6)
    np.testing.assert_allclose(on, apply(choice(name), images()), rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(run(jnp.float32(RATE), train=False), apply(choice(name), images(), False), rtol=1e-5)


@pytest.mark.parametrize("name", ["dropout", "shake_drop"])
def test_a_rate_of_zero_changes_nothing(name: str) -> None:
    np.testing.assert_allclose(apply(f"{name}(rate=0)", images()), images(), rtol=1e-6)


@pytest.mark.parametrize("name", ENTRIES)
def test_two_modes_of_evaluation(name: str) -> None:
    """One scales and needs no key; the other samples, as training does."""
    scaled = resolve(ENTRIES, choice(name), "noise")().apply({}, images(), train=False)
    np.testing.assert_array_equal(scaled, apply(choice(name), images(), False))
    sampled = apply(choice(name, "evaluation='sample'"), images(), False)
    np.testing.assert_array_equal(sampled, apply(choice(name), images()))
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
    ("entry", "complaint"),
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
def test_bad_arguments_are_refused_when_it_is_made(entry: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        resolve(ENTRIES, entry, "noise")()
    assert matches(caught, complaint)
