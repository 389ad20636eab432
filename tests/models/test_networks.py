"""What every network promises: shapes, features, image sizes, types."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import deepvision as dv
from deepvision.errors import UserError
from tests.laws.zoo import NETWORKS


def _shapes(model, shape, method="__call__"):
    def run(x):
        return model.init_with_output(jax.random.key(0), x, method=method)[0]

    return jax.eval_shape(run, jax.ShapeDtypeStruct((2, *shape), jnp.float32))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_classes_and_features(network):
    classes = network.make().num_classes if network.make().outputs == "image" else 7  # a residual fits its image alone
    logits = _shapes(network.make(num_classes=classes), network.shape)
    features = _shapes(network.make(num_classes=0), network.shape)
    assert logits.ndim == features.ndim == (4 if network.make().dense else 2)
    assert (logits.shape[0], logits.shape[-1]) == (2, classes)
    params = network.shapes(num_classes=0)["params"]
    assert "head" not in params and "output" not in params


@pytest.mark.parametrize("network", [network for network in NETWORKS if network.pyramid], ids=str)
def test_the_pyramid_is_finest_first(network):
    shape, stages = network.pyramid
    outputs = _shapes(network.make(), shape, method="features")
    assert tuple(output.shape[1:] for output in outputs) == stages
    _shapes(network.make(), shape)


@pytest.mark.parametrize("network", [network for network in NETWORKS if network.too_small], ids=str)
def test_an_image_that_is_too_small_is_a_user_error(network):
    with pytest.raises(UserError, match="larger|resize"):
        _shapes(network.make(), network.too_small)


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_half_precision_computes_with_single_parameters(network):
    model = network.make(dtype="bfloat16")
    y, variables = jax.eval_shape(
        lambda x: model.init_with_output(jax.random.key(0), x), jax.ShapeDtypeStruct((2, *network.shape), jnp.float32)
    )
    assert y.dtype == jnp.bfloat16
    assert {leaf.dtype for leaf in jax.tree.leaves(variables)} == {jnp.dtype(jnp.float32)}


def test_wildcards_list_the_zoo():
    assert dv.list_models("vgg*_bn") == ["vgg11_bn", "vgg13_bn", "vgg16_bn", "vgg19_bn"]
    assert dv.list_models("lenet*") == ["lenet1", "lenet5_1998", "lenet5_modern"]
