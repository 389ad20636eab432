"""What every network promises: shapes, features, image sizes, types."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import deepvision as dv
from deepvision.errors import UserError
from tests.laws.catalogue import NETWORKS

# Images on which a network of the catalogue computes, and the pyramid it makes of them.
PYRAMIDS = {
    "mlp": ((8, 8, 1), [(32,), (32,)]),
    "lenet5_1998": ((40, 36, 1), [(18, 16, 6), (7, 6, 16), (3, 2, 120)]),
    "lenet5_modern": ((28, 28, 1), [(12, 12, 6), (4, 4, 16)]),
    "vgg11": ((64, 96, 3), [(32, 48, 8), (16, 24, 16), (8, 12, 32), (4, 6, 64), (2, 3, 64)]),
    "cifar_resnet20": ((20, 16, 3), [(20, 16, 32), (10, 8, 64)]),
    "cifar_plain20": ((20, 16, 3), [(20, 16, 8), (10, 8, 16)]),
    "resnet50": ((64, 96, 3), [(16, 24, 32), (8, 12, 64)]),
    "vit_micro_patch4_32": ((12, 8, 3), [(3, 2, 32)]),
}
TOO_SMALL = {
    "lenet5_1998": (28, 28, 1),
    "lenet5_modern": (12, 12, 1),
    "vgg11": (16, 16, 3),
    "vit_micro_patch4_32": (3, 3, 3),
}


def _shapes(model, shape, method="__call__"):
    def run(x):
        return model.init_with_output(jax.random.key(0), x, method=method)[0]

    return jax.eval_shape(run, jax.ShapeDtypeStruct((2, *shape), jnp.float32))


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_classes_and_features(network):
    assert _shapes(network.make(num_classes=7), network.shape).shape == (2, 7)
    features = _shapes(network.make(num_classes=0), network.shape)
    assert features.ndim == 2
    params = network.shapes(num_classes=0)["params"]
    assert "head" not in params and "output" not in params


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_the_pyramid_is_finest_first(network):
    shape, stages = PYRAMIDS[str(network)]
    outputs = _shapes(network.make(), shape, method="features")
    assert [output.shape[1:] for output in outputs] == stages
    _shapes(network.make(), shape)


@pytest.mark.parametrize("network", [network for network in NETWORKS if str(network) in TOO_SMALL], ids=str)
def test_an_image_that_is_too_small_is_a_user_error(network):
    with pytest.raises(UserError, match="larger|resize"):
        _shapes(network.make(), TOO_SMALL[str(network)])


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
    assert dv.list_models("lenet*") == ["lenet5_1998", "lenet5_modern"]
