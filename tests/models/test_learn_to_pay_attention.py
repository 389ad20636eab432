"""What is particular to VGG with attention over positions."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers.layers import Layers
from deepvision.models.learn_to_pay_attention import GlobalAttention

X = jax.random.normal(jax.random.key(0), (2, 3, 4, 6))
G = jax.random.normal(jax.random.key(1), (2, 6))


def _attended(compatibility, x, g):
    module = GlobalAttention(Layers().bind(train=False), compatibility)
    return module.apply(module.init(jax.random.key(2), x, g), x, g)


@pytest.mark.parametrize("compatibility", ["parametrised", "dot"])
def test_the_result_is_a_mean_over_positions_in_any_order(compatibility):
    y = _attended(compatibility, X, G)
    assert y.shape == (2, 6)
    assert (y <= X.max(axis=(1, 2))).all() and (y >= X.min(axis=(1, 2))).all()
    np.testing.assert_allclose(_attended(compatibility, X[:, ::-1, ::-1], G), y, atol=1e-5)
    constant = jnp.broadcast_to(G[:, None, None], X.shape)
    np.testing.assert_allclose(_attended(compatibility, constant, G), G, atol=1e-5)


def test_the_dot_product_finds_what_the_image_as_a_whole_says():
    x = X.at[:, 1, 2].set(10 * G)
    np.testing.assert_allclose(_attended("dot", x, 10 * G), 10 * G, atol=1e-3)


def test_the_softmax_cancels_the_share_of_the_image_as_a_whole():
    np.testing.assert_allclose(_attended("parametrised", X, G), _attended("parametrised", X, -G), atol=1e-5)


def test_the_classifier_sees_the_attended_stages_alone():
    for name, channels in (("vgg_att2", 512 + 512), ("vgg_att3", 256 + 512 + 512)):
        assert dv.describe(dv.create_model(name, num_classes=0), (32, 32, 3)).output_shape == (channels,)
