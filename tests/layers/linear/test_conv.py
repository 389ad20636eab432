"""What early networks ask of a convolution: a bias per unit, and weights that excite alone."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.layers.layers import Layers
from tests.layers.norms.support import normal

X = jnp.asarray(3 + normal((16, 9, 8, 2)), jnp.float32)


@pytest.mark.parametrize(("stride", "padding", "dilation"), [(1, 1, 1), (2, 0, 1), (2, 3, 2)])
def test_an_untied_bias_is_added_unit_by_unit(stride: int, padding: int, dilation: int) -> None:
    layer = (
        Layers()
        .bind(train=False)
        .conv(4, 3, stride, padding=padding, dilation=dilation, untied_bias=True, name="layer")
    )
    y, variables = layer.init_with_output(jax.random.key(0), X)
    params = variables["params"]
    assert params["bias"].shape == y.shape[1:]
    bias = jax.random.normal(jax.random.key(1), y.shape[1:])
    np.testing.assert_allclose(layer.apply({"params": params | {"bias": bias}}, X), y + bias, atol=1e-5)


def test_an_untied_bias_is_calibrated_map_by_map() -> None:
    layers = Layers(kernel="weight_norm(data_dependent=True)").bind(train=False)
    layer = layers.conv(4, 3, untied_bias=True, name="layer")
    y, variables = layer.init_with_output(jax.random.key(0), X)
    np.testing.assert_allclose(jnp.std(y, (0, 1, 2)), 1, rtol=1e-4)
    np.testing.assert_allclose(layer.apply(variables, X), y, atol=1e-4)


def test_excitatory_weights_are_moduli() -> None:
    layers = Layers().bind(train=False)
    plain, excitatory = (layers.conv(4, 3, excitatory=excites, name="layer") for excites in (False, True))
    variables = plain.init(jax.random.key(0), X)
    moduli = jax.tree.map(jnp.abs, variables)
    np.testing.assert_array_equal(excitatory.apply(variables, X), plain.apply(moduli, X))
