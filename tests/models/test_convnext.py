"""What is particular to ConvNeXt: one norm per block, and branches that start next to nothing."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.layers import Layers
from deepvision.models.convnext import Block

X = 5 * jax.random.normal(jax.random.key(0), (2, 9, 9, 8))


def _block(placement):
    return Block(Layers(norm="layer", act="gelu", placement=placement).bind(train=False), depth=0.0)


@pytest.mark.parametrize("placement", ["post", "pre"])
def test_a_block_starts_as_the_identity_but_for_a_millionth(placement):
    change = jnp.abs(_block(placement).init_with_output(jax.random.key(0), X)[0] - X).max()
    assert 0 < change < 1e-4


@pytest.mark.parametrize(("placement", "order"), [("post", ["kernel", "norm"]), ("pre", ["norm", "kernel"])])
def test_a_block_has_one_norm_and_one_activation(placement, order):
    sites = dv.describe(dv.create_model("convnext_tiny", placement=placement), (64, 64, 3)).sites
    kinds = [site.kind for site in sites if site.path.startswith("layer2_1/")]
    assert kinds == [*order, "kernel", "act", "kernel", "attention", "drop_path"]


def test_a_placement_behind_an_activation_is_a_user_error():
    with pytest.raises(UserError, match="ConvNeXt has none behind its depthwise convolutions"):
        _block("post_act").init(jax.random.key(0), X)
