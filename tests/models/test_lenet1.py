"""What the first LeNet has and no other network: a bias per unit, a background of -1, eight maps of twelve."""

from __future__ import annotations

import functools

import jax
import numpy as np
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.models.lenet1 import H2_CONNECTIONS

MODEL = dv.create_model("lenet1")
BACKGROUND = np.full((1, 16, 16, 1), -1, np.float32)


@functools.cache
def _variables():
    return jax.jit(MODEL.init)(jax.random.key(0), BACKGROUND)


def _h1(variables):
    """Returns the first maps of an image that is all background, [8, 8, 12]."""
    return MODEL.apply(variables, BACKGROUND, pyramid=True)[0][0]


def test_units_connections_and_parameters_are_those_of_the_paper():
    description = dv.describe(MODEL, (16, 16, 1))
    leaves = jax.tree_util.tree_leaves_with_path(_variables())
    biases = [leaf.size for path, leaf in leaves if "bias" in jax.tree_util.keystr(path)]
    assert biases == [12 * 8 * 8, 12 * 4 * 4, 30, 10]
    assert 16 * 16 + sum(biases) == 1256
    assert description.macs + sum(biases) == 64_660
    assert description.parameters == 9_760


def test_every_map_sees_eight_and_every_map_is_seen_by_eight():
    assert [len(set(seen)) for seen in H2_CONNECTIONS] == [8] * 12
    assert [sum(h1 in seen for seen in H2_CONNECTIONS) for h1 in range(12)] == [8] * 12


def test_around_the_image_lies_its_background():
    h1 = _h1(_variables())
    np.testing.assert_allclose(h1, np.broadcast_to(h1[:1, :1], h1.shape), atol=1e-5)


def test_a_unit_owns_its_bias():
    params = _variables()["params"]
    conv = params["h1"]["conv"]
    moved = params | {"h1": {"conv": conv | {"bias": conv["bias"].at[2, 3, 5].add(0.5)}}}
    changed = np.argwhere(_h1({"params": moved}) != _h1(_variables()))
    assert changed.tolist() == [[2, 3, 5]]


def test_an_activation_that_changes_the_width_is_a_user_error():
    with pytest.raises(UserError, match="8 of 12 maps"):
        dv.describe(dv.create_model("lenet1", act="crelu"), (16, 16, 1))
