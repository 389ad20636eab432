"""What is particular to the ShuffleNets: the order of channels, and what passes by."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import deepvision as dv
from deepvision.layers.layers import Layers
from deepvision.models.shufflenet import GroupedUnit, SplitUnit, shuffle

LAYERS = Layers(norm="batch", act="relu", second={"pool": "avg"}).bind(train=False)
X = jax.random.normal(jax.random.key(0), (2, 6, 6, 12))


def test_a_shuffle_deals_the_groups_out_in_turn():
    assert shuffle(jnp.arange(6)[None, None, None], 2).ravel().tolist() == [0, 3, 1, 4, 2, 5]
    np.testing.assert_array_equal(shuffle(shuffle(X, 3), 4), X)


def test_half_of_the_channels_passes_a_split_unit_untouched():
    y = SplitUnit(LAYERS, features=12, stride=1).init_with_output(jax.random.key(0), X)[0]
    np.testing.assert_array_equal(y[..., ::2], X[..., :6])


def test_a_grouped_unit_of_stride_two_puts_the_branch_behind_the_averaged_input():
    module = GroupedUnit(LAYERS, features=24, stride=2, groups=3, first_groups=3, depth=0.0)
    y, variables = module.init_with_output(jax.random.key(0), X)
    assert y.shape == (2, 3, 3, 24)
    padded = jnp.pad(X, [(0, 0), (1, 1), (1, 1), (0, 0)])
    mean = sum(padded[:, i : i + 6 : 2, j : j + 6 : 2] for i in range(3) for j in range(3)) / 9
    np.testing.assert_allclose(y[..., :12], jax.nn.relu(mean), atol=1e-5)
    assert variables["params"]["conv3"]["conv"]["kernel"].shape == (1, 1, 2, 12)


def test_the_poolings_of_shufflenet_v1_are_of_two_kinds():
    description = dv.describe(dv.create_model("shufflenet_v1_g3"), (64, 64, 3))
    assert description.count("pool") == {"max": 1, "avg": 3}
    assert dv.describe(dv.create_model("shufflenet_v1_g3", pool="lp"), (64, 64, 3)).count("pool") == {"lp": 4}
