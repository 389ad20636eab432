"""What single entries are, and how a network takes them."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.layers import Layers
from deepvision.layers.stochastic import DROP_PATHS, DROPOUTS
from tests.layers.complaints import matches

KEY = jax.random.key(0)


def draw(module: nn.Module, x: jax.Array) -> np.ndarray:
    return np.asarray(module.apply({}, x, train=True, rngs={"dropout": KEY}))


def test_dropout_keeps_values_by_chance_and_scales_them() -> None:
    y = draw(DROPOUTS["dropout"](rate=0.2), jnp.ones((10, 100, 100)))
    assert set(np.unique(y)) == {0, np.float32(1.25)}
    np.testing.assert_allclose(np.mean(y == 0), 0.2, atol=0.01)


def test_spatial_dropout_drops_whole_channels() -> None:
    y = draw(DROPOUTS["spatial"](rate=0.2), jnp.ones((40, 5, 6, 100)))
    assert np.all(y == y[:, :1, :1])
    np.testing.assert_allclose(np.mean(y == 0), 0.2, atol=0.02)


def test_gaussian_dropout_has_the_variance_of_dropout() -> None:
    for name in ("gaussian", "dropout"):
        y = draw(DROPOUTS[name](rate=0.2), jnp.full((10, 100, 100), 2.0))
        np.testing.assert_allclose([y.mean(), y.var()], [2, 4 * 0.2 / 0.8], rtol=0.02)


def test_alpha_dropout_keeps_the_moments_behind_selu() -> None:
    x = jax.random.normal(KEY, (10, 100, 100))
    y = draw(DROPOUTS["alpha"](rate=0.3), x)
    np.testing.assert_allclose([y.mean(), y.var()], [0, 1], atol=0.02)


@pytest.mark.parametrize(("size", "side"), [(3, 20), (4, 20), (7, 5)])
def test_dropblock_drops_squares_at_its_rate(size: int, side: int) -> None:
    y = draw(DROPOUTS["dropblock"](rate=0.1, size=size), jnp.ones((200, side, side, 8)))
    dropped = y == 0
    size = min(size, side)
    inside = dropped[:, size - 1 : side - size + 1, size - 1 : side - size + 1] if side > 2 * size else dropped
    np.testing.assert_allclose(inside.mean(), 0.1, rtol=0.35)
    windows = np.lib.stride_tricks.sliding_window_view(dropped, (size, size), axis=(1, 2)).all(axis=(-2, -1))
    covered = np.zeros_like(dropped)
    for i, j in np.ndindex(size, size):
        covered[:, i : i + windows.shape[1], j : j + windows.shape[2]] |= windows
    np.testing.assert_array_equal(covered, dropped)  # every dropped position lies in a whole square
    np.testing.assert_allclose(y.mean(axis=(1, 2, 3)), 1, rtol=1e-5)  # what is dropped is made up for


def test_drop_path_drops_whole_examples() -> None:
    y = draw(DROP_PATHS["drop_path"](rate=0.25), jnp.ones((2000, 3, 2)))
    assert np.all(y == y[:, :1, :1])
    assert set(np.unique(y)) == {0, np.float32(4 / 3)}
    np.testing.assert_allclose(np.mean(y == 0), 0.25, atol=0.03)


def test_shake_drop_shakes_forward_and_backward() -> None:
    module = DROP_PATHS["shake_drop"](rate=0.4)
    x = jnp.ones((4000, 3))
    y, pull = jax.vjp(lambda x: module.apply({}, x, train=True, rngs={"dropout": KEY}), x)
    (gradient,) = pull(jnp.ones_like(y))
    y, gradient = np.asarray(y), np.asarray(gradient)
    assert np.all(y == y[:, :1]) and np.all(gradient == gradient[:, :1])
    shaken = y[:, 0] != 1
    np.testing.assert_allclose(shaken.mean(), 0.4, atol=0.03)
    np.testing.assert_array_equal(gradient[~shaken], 1)
    for values, low, high in ((y[shaken], -1, 1), (gradient[shaken], 0, 1)):
        assert low <= values.min() < low + 0.01 and high - 0.01 < values.max() <= high
        np.testing.assert_allclose(values.mean(), (low + high) / 2, atol=0.05)


class Sites(nn.Module):
    """The three sites of noise in a network; the branch stands halfway."""

    layers: Layers

    @nn.compact
    def __call__(self, x: jax.Array, train: bool = True) -> tuple[jax.Array, ...]:
        L = self.layers.bind(train)
        return L.input_dropout(name="inputs")(x), L.dropout(name="hidden")(x), L.drop_path(0.5, name="branch")(x)


def zeros(layers: Layers, train: bool = True) -> list[float]:
    """Returns the share of zeros at each of the sites."""
    x = jnp.ones((2000, 10))
    return [float(jnp.mean(y == 0)) for y in Sites(layers).apply({}, x, train, rngs={"dropout": KEY})]


def test_inputs_and_hidden_units_and_branches_have_rates_of_their_own() -> None:
    layers = Layers(input_dropout=0.1, dropout=0.5, drop_path=0.4)
    np.testing.assert_allclose(zeros(layers), [0.1, 0.5, 0.2], atol=0.03)
    assert zeros(layers, train=False) == [0, 0, 0]


@pytest.mark.parametrize("choice", [0.3, "0.3", "dropout(rate=0.3)", {"name": "dropout", "rate": 0.3}])
def test_a_rate_alone_is_plain_dropout(choice: object) -> None:
    assert str(Layers(dropout=choice).dropout) == "dropout(rate=0.3)"


def test_choices_at_the_sites() -> None:
    layers = Layers(dropout="spatial(rate=0.2)", input_dropout="dropblock", drop_path="shake_drop(rate=0.4)")
    x = jnp.ones((2000, 5, 5, 4))
    inputs, hidden, branch = (np.asarray(y) for y in Sites(layers).apply({}, x, rngs={"dropout": KEY}))
    np.testing.assert_allclose(np.mean(inputs == 0), 0.1, atol=0.03)
    assert np.all(hidden == hidden[:, :1, :1])
    np.testing.assert_allclose(np.mean(branch[:, 0, 0, 0] != 1), 0.2, atol=0.03)  # halfway: half the rate


def test_no_noise_needs_no_key() -> None:
    x = jnp.ones((2, 3))
    for y in Sites(Layers()).apply({}, x):
        np.testing.assert_array_equal(y, x)


def test_rates_may_be_traced() -> None:
    @jax.jit
    def share(rate: jax.Array) -> jax.Array:
        layers = Layers().replace({"dropout": rate, "drop_path": rate})
        _, hidden, branch = Sites(layers).apply({}, jnp.ones((2000, 10)), rngs={"dropout": KEY})
        return jnp.mean(hidden == 0), jnp.mean(branch == 0)

    np.testing.assert_allclose(share(0.4), [0.4, 0.2], atol=0.03)


@pytest.mark.parametrize(
    ("fields", "complaint"),
    [
        ({"dropout": 1.5}, "dropout 'dropout': rate must be ... got 1.5"),
        ({"drop_path": -0.1}, "drop_path 'drop_path': rate must be ... got -0.1"),
        ({"dropout": "dropblock(size=1.5)"}, "dropout 'dropblock': size must be ... got 1.5"),
        (
            {"drop_path": "shake"},
            "unknown drop_path 'shake' (did you mean 'shake_drop'?). Valid: drop_path, shake_drop",
        ),
    ],
)
def test_bad_choices_are_refused_at_once(fields: dict, complaint: str) -> None:
    with pytest.raises(UserError) as caught:
        Layers(**fields)
    assert matches(caught, complaint)
