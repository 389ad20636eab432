"""What single entries are, beyond their goldens."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.layers.activations import ACTIVATIONS, make
from tests.layers.activations import applied
from tests.layers.complaints import matches
from tests.layers.devices import spread

X = np.broadcast_to(np.linspace(-6, 6, 97, dtype=np.float32)[:, None], (97, 8))


def test_scaled_tanh_keeps_one() -> None:
    np.testing.assert_allclose(applied.function("scaled_tanh")(jnp.asarray([-1.0, 1.0])), [-1, 1], atol=1e-4)


def test_stepped_sigmoid_tends_to_softplus() -> None:
    softplus = applied.function("softplus")(X)
    errors = [np.abs(applied.function(f"stepped_sigmoid(steps={n})")(X) - softplus).max() for n in (2, 5, 10, 40)]
    assert errors == sorted(errors, reverse=True)
    assert errors[-1] < 0.02  # what remains is the midpoint rule's error, not the number of steps


def test_squareplus_tends_to_relu() -> None:
    np.testing.assert_allclose(applied.function("squareplus(b=1e-8)")(X), np.maximum(X, 0), atol=1e-4)


def test_squareplus_and_softplus_at_zero() -> None:
    zero = jnp.zeros((1, 1))
    np.testing.assert_allclose(applied.function("squareplus(b=9)")(zero), 1.5)
    np.testing.assert_allclose(applied.function("softplus(beta=2)")(zero), np.log(2) / 2, rtol=1e-6)


def test_sin_has_its_frequency() -> None:
    np.testing.assert_allclose(applied.function("sin(frequency=3)")(X), np.sin(3 * X), atol=2e-6)


def test_snake_adds_a_nonnegative_wave_to_the_identity() -> None:
    wave = applied.function("snake(frequency=2)")(X) - X
    np.testing.assert_allclose(wave, (1 - np.cos(4 * X)) / 4, atol=2e-6)


def test_swish_lies_between_half_the_identity_and_relu() -> None:
    np.testing.assert_allclose(applied.function("swish(beta=0)")(X), X / 2, rtol=1e-6)
    np.testing.assert_allclose(applied.function("swish(beta=100)")(X), np.maximum(X, 0), atol=5e-3)


@pytest.mark.parametrize(
    ("choice", "shapes"),
    [
        ("prelu", [(8,)]),
        ("prelu(shared=True)", [(1,)]),
        ("swish", [(8,)]),
        ("swish(shared=True)", [(1,)]),
        ("swish(trainable=False)", []),
        ("rbf(count=7)", [(7, 8)]),
        ("rbf(count=7, shared=True)", [(7, 1)]),
    ],
)
def test_parameters(choice: str, shapes: list[tuple[int, ...]]) -> None:
    _, params = applied.with_params(choice)
    assert [leaf.shape for leaf in jax.tree.leaves(params)] == shapes


def test_rbf_starts_as_a_smooth_tanh_and_is_linear_in_its_weights() -> None:
    apply, params = applied.with_params("rbf(shared=True)")
    inside = np.abs(X) < 3
    np.testing.assert_allclose(apply(params, X)[inside], np.tanh(X)[inside], atol=0.03)
    doubled = jax.tree.map(lambda w: 2 * w, params)
    np.testing.assert_allclose(apply(doubled, X), 2 * apply(params, X), rtol=1e-5, atol=1e-6)


def test_rbf_with_one_weight_is_one_gaussian() -> None:
    apply, params = applied.with_params("rbf(count=5, radius=2, shared=True)")  # centers -2 ... 2
    weights = jnp.zeros_like(params["weights"]).at[3].set(1.0)
    np.testing.assert_allclose(apply({"weights": weights}, X), np.exp(-((X - 1) ** 2) / 2), rtol=1e-4, atol=1e-6)


def draw(choice: str, x: jax.Array, seed: int = 0) -> jax.Array:
    module = make(resolve(ACTIVATIONS, choice, "act"))
    return module.apply({}, x, train=True, rngs={"dropout": jax.random.key(seed)})


def test_rrelu_draws_slopes_between_its_bounds() -> None:
    slopes = np.asarray(draw("rrelu(lower=0.2, upper=0.6)", -jnp.ones((4, 5000)))) * -1
    assert 0.2 <= slopes.min() < 0.21 and 0.59 < slopes.max() <= 0.6
    np.testing.assert_allclose(slopes.mean(), 0.4, atol=0.01)
    np.testing.assert_array_equal(draw("rrelu", jnp.ones((4, 4))), np.ones((4, 4)))


@pytest.mark.parametrize("value", [3.0, 8.0])
def test_noisy_relu_adds_noise_of_variance_sigmoid(value: float) -> None:
    noise = np.asarray(draw("noisy_relu", jnp.full((4, 20_000), value))) - value
    sigmoid = 1 / (1 + np.exp(-value))
    cut = 1e-3 if value == 3.0 else 1e-9  # the chance that the noise would make it negative
    np.testing.assert_allclose(noise.mean(), 0, atol=0.02 + 10 * cut)
    np.testing.assert_allclose(noise.var(), sigmoid, rtol=0.03)


def test_noisy_relu_holds_its_noise_constant() -> None:
    gradient = jax.grad(lambda x: jnp.sum(draw("noisy_relu", x)))(jax.random.normal(jax.random.key(1), (50, 50)))
    assert set(np.unique(gradient)) == {0.0, 1.0}


@pytest.mark.parametrize("name", ["rrelu", "noisy_relu"])
def test_noise_does_not_depend_on_the_devices(name: str) -> None:
    x = jax.random.normal(jax.random.key(1), (8, 5, 3))
    np.testing.assert_array_equal(spread(lambda part: draw(name, part), x, devices=4), draw(name, x))
    assert not np.array_equal(draw(name, x), draw(name, x, seed=1))


@pytest.mark.parametrize(
    ("choice", "complaint"),
    [
        ("leaky_relu(negative_slope=-0.1)", "act 'leaky_relu': negative_slope must be ... got -0.1"),
        ("prelu(negative_slope=2)", "act 'prelu': negative_slope must be ... got 2"),
        ("prelu(shared=1)", "act 'prelu': shared must be ... got 1"),
        ("rrelu(lower=0.5, upper=0.2)", "act 'rrelu': upper must be ... got 0.2"),
        ("elu(alpha=0)", "act 'elu': alpha must be ... got 0"),
        ("celu(alpha='a')", "act 'celu': alpha must be ... got 'a'"),
        ("softplus(beta=-1)", "act 'softplus': beta must be ... got -1"),
        ("hard_tanh(low=1)", "act 'hard_tanh': low must be ... got 1"),
        ("hardshrink(threshold=-1)", "act 'hardshrink': threshold must be ... got -1"),
        ("softshrink(threshold=-1)", "act 'softshrink': threshold must be ... got -1"),
        ("stepped_sigmoid(steps=0)", "act 'stepped_sigmoid': steps must be ... got 0"),
        ("sin(frequency=0)", "act 'sin': frequency must be ... got 0"),
        ("snake(frequency=0)", "act 'snake': frequency must be ... got 0"),
        ("squareplus(b=0)", "act 'squareplus': b must be ... got 0"),
        ("swish(beta=-1)", "act 'swish': beta must be ... got -1"),
        ("rbf(count=1)", "act 'rbf': count must be ... got 1"),
        ("rbf(radius=0)", "act 'rbf': radius must be ... got 0"),
        ("maxout(k=0)", "act 'maxout': k must be ... got 0"),
        ("maxout(k=1.5)", "act 'maxout': k must be ... got 1.5"),
    ],
)
def test_bad_arguments_are_refused_when_it_is_made(choice: str, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        make(resolve(ACTIVATIONS, choice, "act"))
    assert matches(caught, complaint)


@pytest.mark.parametrize(
    ("choice", "channels", "complaint"),
    [
        ("maxout(k=4)", 6, "act 'maxout': k must divide the channels, got k=4 and 6 channels"),
        ("glu", 5, "act 'glu' joins pairs of channels, and cannot take 5 of them"),
    ],
)
def test_channels_that_do_not_fit_are_refused(choice: str, channels: int, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        applied.function(choice)(jnp.zeros((1, channels)))
    assert matches(caught, complaint)
