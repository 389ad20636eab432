"""PVT v2: its reduced attention, and how it comes to know positions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers.layers import Layers
from deepvision.models.pvt import ConvolvedPerceptron, SpatialReductionAttention

LAYERS = Layers(norm="layer", act="gelu", placement="pre").bind(train=False)


@pytest.mark.parametrize(
    ("name", "millions", "giga"), [("pvt_v2_b0", 3.7, 0.6), ("pvt_v2_b1", 14.0, 2.1), ("pvt_v2_b2", 25.4, 4.0)]
)
def test_the_published_sizes(name, millions, giga):
    description = dv.describe(dv.create_model(name), (224, 224, 3))
    assert round(description.parameters / 1e6, 1) == millions
    assert round(description.macs / 1e9, 1) == giga


def test_attention_looks_at_squares_whatever_their_order():
    module = SpatialReductionAttention(LAYERS, heads=2, reduction=2)
    x = jax.random.normal(jax.random.key(1), (1, 4, 6, 8))
    variables = module.init(jax.random.key(0), x)
    squares = x.reshape(1, 2, 2, 3, 2, 8)
    moved = jnp.roll(squares, 1, axis=3)
    y = module.apply(variables, moved.reshape(x.shape)).reshape(squares.shape)
    np.testing.assert_allclose(jnp.roll(y, -1, axis=3).reshape(x.shape), module.apply(variables, x), atol=1e-5)


def test_zeros_beyond_the_borders_tell_positions_apart():
    module = ConvolvedPerceptron(LAYERS, hidden=16)
    y, _ = module.init_with_output(jax.random.key(0), jnp.ones((1, 5, 5, 4)))
    inside = y[0, 1:-1, 1:-1]
    np.testing.assert_allclose(inside, jnp.broadcast_to(inside[0, 0], inside.shape), atol=1e-6)
    assert jnp.abs(y[0, 0, 0] - y[0, 2, 2]).max() > 1e-2
