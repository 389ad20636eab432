"""The first batch of Salimans & Kingma: gain and bias that make every output standard over it."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.units import ConvUnit
from tests.layers.kernels.support import bound, make
from tests.layers.norms.support import normal, relative_error

ENTRY = "weight_norm(data_dependent=True)"


@pytest.mark.parametrize("kind", ["conv", "depthwise", "transposed", "dense"])
def test_every_output_is_standard_over_the_first_batch(kind: str) -> None:
    layer, shape = make(kind, ENTRY)
    x = jnp.asarray(3 + normal((16, *shape[1:])), jnp.float32)
    y, variables = layer.init_with_output(jax.random.key(1), x)
    axes = tuple(range(y.ndim - 1))
    np.testing.assert_allclose(jnp.mean(y, axes), 0, atol=1e-5)
    np.testing.assert_allclose(jnp.std(y, axes), 1, rtol=1e-4)
    assert relative_error(layer.apply(variables, x), y) < 1e-5
    plain = make(kind, "weight_norm")[0].init(jax.random.key(1), x)
    np.testing.assert_array_equal(variables["params"]["kernel"], plain["params"]["kernel"])
    assert not np.allclose(variables["params"]["kernel_gain"], plain["params"]["kernel_gain"])


def test_a_layer_without_a_bias_keeps_its_mean() -> None:
    x = jnp.asarray(3 + normal((64, 7)), jnp.float32)
    layer = bound(ENTRY).dense(5, use_bias=False, name="layer")
    y, variables = layer.init_with_output(jax.random.key(1), x)
    np.testing.assert_allclose(jnp.std(y, 0), 1, rtol=1e-4)
    assert jnp.min(jnp.abs(jnp.mean(y, 0))) > 0.1
    assert relative_error(layer.apply(variables, x), y) < 1e-5


@pytest.mark.parametrize("x", [jnp.zeros((8, 7)), jnp.ones((1, 7))], ids=["zeros", "one example"])
def test_a_batch_that_does_not_vary_changes_nothing(x: jax.Array) -> None:
    layers = [bound(entry).dense(5, name="layer") for entry in (ENTRY, "weight_norm")]
    found, expected = (layer.init(jax.random.key(1), x) for layer in layers)
    jax.tree.map(np.testing.assert_array_equal, found, expected)


def test_layers_behind_each_other_are_all_standard() -> None:
    class Stack(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> list[jax.Array]:
            outputs = []
            for depth in range(3):
                outputs.append(bound(ENTRY).dense(8, name=f"dense{depth}")(x))
                x = jnp.tanh(5 * outputs[-1])
            return outputs

    x = jnp.asarray(normal((64, 8)), jnp.float32)
    variables = Stack().init(jax.random.key(1), x)
    for y in Stack().apply(variables, x):
        np.testing.assert_allclose(jnp.mean(y, 0), 0, atol=1e-5)
        np.testing.assert_allclose(jnp.std(y, 0), 1, rtol=1e-4)


def test_only_initialization_looks_at_the_batch() -> None:
    x = jnp.asarray(normal((8, 7)), jnp.float32)
    layer = bound(ENTRY, train=True).dense(5, name="layer")
    variables = layer.init(jax.random.key(1), x)
    y, updates = layer.apply(variables, 2 * x, mutable=["batch_stats"])
    bias = variables["params"]["bias"]
    assert relative_error(y - bias, 2 * (layer.apply(variables, x) - bias)) < 1e-5
    assert not updates


def test_partial_connections_refuse() -> None:
    unit = ConvUnit(bound(ENTRY), 2, 3, connections=((0, 1), (1, 2)), first=True)
    with pytest.raises(UserError, match="its partial kernels cannot be calibrated to the batch"):
        unit.init(jax.random.key(0), jnp.ones((1, 5, 5, 3)))
