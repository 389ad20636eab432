"""MLP-Mixer: which way each of its two perceptrons mixes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.layers.layers import Layers
from deepvision.models.mixer import MixerBlock

LAYERS = Layers(norm="none", act="gelu", placement="pre").bind(train=False)


@pytest.mark.parametrize(("silent", "reach"), [("mlp_channels", "tokens"), ("mlp_tokens", "channels")])
def test_each_perceptron_mixes_one_axis(silent, reach):
    block = MixerBlock(LAYERS, tokens_hidden=6, channels_hidden=12, depth=0.0)
    x = jax.random.normal(jax.random.key(1), (1, 5, 3))
    params = block.init(jax.random.key(0), x)["params"]
    params = params | {silent: jax.tree.map(jnp.zeros_like, params[silent])}
    moved = jax.grad(lambda x: block.apply({"params": params}, x)[0, 2, 1])(x)[0] != 0
    expected = np.zeros((5, 3), bool)
    expected[(slice(None), 1) if reach == "tokens" else (2, slice(None))] = True
    np.testing.assert_array_equal(moved, expected)
