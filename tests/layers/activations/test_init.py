"""What initialization takes from an activation: its width and its gain."""

from __future__ import annotations

import math
from fractions import Fraction

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, gain, length_slope, width
from deepvision.layers.layers import Layers
from tests.layers.activations import applied

UNITS, DEPTH = 512, 50
# What is a little off one grows apart, however exact the gain: their length map has a slope above one.
UNSTABLE = {
    *("squared_relu", "threshold", "softshrink", "hardshrink", "tanhshrink", "exp"),
    *("gelu", "gelu_tanh", "quick_gelu", "silu", "swish", "hard_swish", "mish", "serf"),
    *("glu", "geglu", "swiglu", "reglu"),
}


def choice(name: str):
    return resolve(ACTIVATIONS, name, "act")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("identity", 1),
        ("relu", math.sqrt(2)),
        ("noisy_relu", math.sqrt(2)),
        ("crelu", math.sqrt(2)),
        ("leaky_relu(negative_slope=0.2)", math.sqrt(2 / (1 + 0.2**2))),
        ("prelu", math.sqrt(2 / (1 + 0.25**2))),
        ("squared_relu", math.sqrt(2 / 3)),
        ("sin", math.sqrt(2 / (1 - math.exp(-2)))),
        ("exp", math.exp(-1)),
        ("selu", 1),
        ("maxout(k=2)", 1),  # E[max(z1, z2)^2] = 1
        ("reglu", math.sqrt(2)),
    ],
)
def test_gain_where_it_is_known(name: str, expected: float) -> None:
    assert gain(choice(name)) == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize("k", [3, 4])
def test_gain_of_maxout(k: int) -> None:
    """The second moment of the largest of k is the integral of z^2 k Phi^(k-1) phi."""
    z = np.linspace(-9, 9, 20_001)
    phi = np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)
    Phi = np.cumsum(phi) * (z[1] - z[0])
    second = np.sum(z**2 * k * Phi ** (k - 1) * phi) * (z[1] - z[0])
    assert gain(choice(f"maxout(k={k})")) == pytest.approx(second**-0.5, rel=2e-3)


@pytest.mark.parametrize(
    ("name", "expected"),
    [("relu", 1), ("crelu", 2), ("maxout", Fraction(1, 2)), ("maxout(k=7)", Fraction(1, 7)), ("glu", Fraction(1, 2))],
)
def test_width(name: str, expected: Fraction) -> None:
    assert width(choice(name)) == expected


def test_slope_of_the_length_map() -> None:
    assert {name for name in ACTIVATIONS if length_slope(choice(name)) > 1.001} == UNSTABLE
    assert length_slope(choice("relu")) == pytest.approx(1, abs=1e-4)
    assert length_slope(choice("squared_relu")) == pytest.approx(2, abs=1e-3)


def lengths(name: str, networks: int, matrices: bool) -> jax.Array:
    """Returns the second moments behind `DEPTH` random layers of `UNITS` units, one input for each of some networks.

    Given what enters it, what leaves a layer of normal kernels is normal and independent from unit to unit; so the
    matrices need not be drawn.
    """
    channels = int(UNITS / width(choice(name)))
    f, scale = applied.function(name, channels), gain(choice(name))

    def layer(z: jax.Array, key: jax.Array) -> tuple[jax.Array, None]:
        y = f(z)
        if matrices:
            kernels = scale / math.sqrt(UNITS) * jax.random.normal(key, (networks, UNITS, channels))
            return jnp.einsum("nu,nuc->nc", y, kernels), None
        deviation = scale * jnp.sqrt(jnp.mean(y**2, axis=-1, keepdims=True))
        return deviation * jax.random.normal(key, z.shape), None

    @jax.jit
    def run(key: jax.Array) -> jax.Array:
        z, _ = jax.lax.scan(layer, jax.random.normal(key, (networks, channels)), jax.random.split(key, DEPTH))
        return jnp.mean(z**2, axis=-1)

    return run(jax.random.key(0))


@pytest.mark.parametrize("name", [name for name in ACTIVATIONS if name not in UNSTABLE])
def test_second_moment_stays_one_through_fifty_layers(name: str) -> None:
    """In the mean of 100 networks within a factor of 1.5: a gain wrong by one percent would make it 2.7."""
    assert abs(jnp.mean(jnp.log(lengths(name, networks=100, matrices=False)))) < math.log(1.5)


@pytest.mark.parametrize("name", ["tanh", "crelu"])
def test_second_moment_through_fifty_layers_of_matrices(name: str) -> None:
    """Within a factor of three, as there are only two networks."""
    assert abs(jnp.mean(jnp.log(lengths(name, networks=2, matrices=True)))) < math.log(3)


@pytest.mark.parametrize("name", ["squared_relu", "gelu", "silu", "exp"])
def test_second_moment_leaves_one_where_the_slope_is_above_one(name: str) -> None:
    assert jnp.mean(jnp.abs(jnp.log(lengths(name, networks=20, matrices=False)))) > math.log(3)


@pytest.mark.parametrize("name", ["tanh", "crelu", "maxout"])
def test_dense_layers_take_the_gain(name: str) -> None:
    dense = Layers(act=name).bind(train=True).dense(400, name="dense")
    kernel = dense.init(jax.random.key(0), jnp.zeros((1, 900)))["params"]["kernel"]
    assert float(jnp.std(kernel)) == pytest.approx(gain(choice(name)) / 30, rel=0.01)
