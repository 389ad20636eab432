"""What LeNet-5 of 1998 has and no other network: partial connections, squashed subsampling, codes."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.kernels import KERNELS
from deepvision.layers.layers import Layers
from deepvision.models.lenet import C3_CONNECTIONS, codes_of

MAPS = jax.random.normal(jax.random.key(1), (2, 7, 7, 6))


def _c3(kernel="plain"):
    conv = Layers(kernel=kernel).bind(train=False).conv(16, 5, padding=0, connections=C3_CONNECTIONS, name="conv")
    return conv, conv.init(jax.random.key(0), MAPS)


def test_table_one_is_that_of_the_paper():
    assert [len(seen) for seen in C3_CONNECTIONS] == [3] * 6 + [4] * 9 + [6]
    assert [sum(s2 in seen for seen in C3_CONNECTIONS) for s2 in range(6)] == [10] * 6
    assert len(set(map(frozenset, C3_CONNECTIONS))) == 16


@pytest.mark.parametrize("kernel", KERNELS)
def test_a_map_of_c3_depends_on_the_maps_it_is_connected_to(kernel):
    conv, variables = _c3(kernel)
    jacobian = jax.jacobian(lambda maps: conv.apply(variables, maps)[0, 0, 0])(MAPS)  # [16, 2, 7, 7, 6]
    sees = np.abs(jacobian[:, 0]).max(axis=(1, 2)) > 0
    assert [tuple(np.flatnonzero(row)) for row in sees] == [tuple(sorted(seen)) for seen in C3_CONNECTIONS]


def test_c3_is_a_sum_over_the_maps_it_is_connected_to():
    conv, variables = _c3()
    y = conv.apply(variables, MAPS)
    for place, output in enumerate((6, 7, 8, 9, 10, 11, 12, 13, 14)):  # those with four maps, in the order of table I
        kernel = variables["params"]["inputs4"]["kernel"][..., place]  # [5, 5, 4]
        window = MAPS[:, 1:6, 2:7][..., jnp.array(C3_CONNECTIONS[output])]
        np.testing.assert_allclose(y[:, 1, 2, output], jnp.sum(window * kernel, axis=(1, 2, 3)), atol=1e-5)


def test_a_table_that_does_not_fit_is_a_user_error():
    layers = Layers().bind(train=False)
    for features, connections in ((16, C3_CONNECTIONS[:9]), (2, ((0, 1), (6,)))):
        with pytest.raises(UserError, match="its table connects"):
            layers.conv(features, 5, connections=connections, name="conv").init(jax.random.key(0), MAPS)


def test_codes_are_ten_different_characters():
    codes = np.asarray(codes_of(10, 84))
    assert codes.shape == (10, 84) and set(codes.flat) == {-1.0, 1.0}
    distances = np.square(codes[:, None] - codes).sum(axis=-1) / 4  # dots that differ
    assert distances[~np.eye(10, dtype=bool)].min() >= 3
    upright = codes.reshape(10, 12, 7)
    np.testing.assert_array_equal(upright[8], upright[8][:, ::-1])  # an eight is symmetric
    np.testing.assert_array_equal(upright[0], upright[0][::-1])  # and so is a zero, turned over


def test_outputs_are_squared_distances_to_codes_that_no_gradient_reaches():
    model = dv.create_model("lenet5_1998", num_classes=4)
    x = jax.random.normal(jax.random.key(2), (3, 32, 32, 1))
    variables = jax.jit(model.init)(jax.random.key(0), x)
    codes = variables["constants"]["output"]["codes"]
    assert model.outputs == "distances" and codes.shape == (4, 84) and set(np.asarray(codes).flat) == {-1.0, 1.0}
    features = model.clone(num_classes=0).apply({"params": variables["params"]}, x)
    expected = jnp.sum(jnp.square(features[:, None] - codes), axis=-1)
    np.testing.assert_allclose(model.apply(variables, x), expected, rtol=1e-5)


@pytest.mark.parametrize(
    ("choice", "reason"), [({"placement": "pre"}, "squash it twice"), ({"act": "crelu"}, "table I")]
)
def test_what_it_has_no_room_for_is_a_user_error(choice, reason):
    with pytest.raises(UserError, match=reason):
        dv.describe(dv.create_model("lenet5_1998", **choice), (32, 32, 1))
