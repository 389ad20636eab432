"""Transformers: their attention, where their norms stand, what they refuse."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.layers import Layers
from deepvision.layers.transformer import SelfAttention, TransformerBlock
from tests.laws.catalogue import VIT

TOKENS = jax.random.normal(jax.random.key(1), (2, 5, 12))
LAYERS = Layers(norm="layer", act="gelu", placement="pre").bind(train=False)


def test_self_attention_is_its_equation():
    module = SelfAttention(LAYERS, heads=3)
    variables = module.init(jax.random.key(0), TOKENS)
    qkv = TOKENS @ variables["params"]["qkv"]["kernel"]
    heads = []
    for head in range(3):
        q, k, v = (qkv[..., 12 * part + 4 * head : 12 * part + 4 * head + 4] for part in range(3))
        weights = jnp.exp(q @ k.transpose(0, 2, 1) / math.sqrt(4))
        heads.append(weights / weights.sum(axis=-1, keepdims=True) @ v)
    expected = jnp.concatenate(heads, axis=-1) @ variables["params"]["proj"]["kernel"]
    np.testing.assert_allclose(module.apply(variables, TOKENS), expected, atol=1e-5)


def test_self_attention_does_not_look_at_the_order_of_tokens():
    module = SelfAttention(LAYERS, heads=2)
    y, variables = module.init_with_output(jax.random.key(0), TOKENS)
    np.testing.assert_allclose(module.apply(variables, TOKENS[:, ::-1]), y[:, ::-1], atol=1e-5)


def _block(placement, x):
    block = TransformerBlock(Layers(norm="layer", act="gelu", placement=placement).bind(train=False), 3, 2.0, depth=0.0)
    return block.init_with_output(jax.random.key(0), x)[0]


def test_under_post_what_leaves_a_block_is_normalized_and_under_pre_it_is_not():
    post, pre = _block("post", 5 * TOKENS), _block("pre", 5 * TOKENS)
    np.testing.assert_allclose(jnp.std(post, axis=-1), 1, atol=1e-3)
    assert jnp.std(pre, axis=-1).min() > 2


def test_under_pre_a_block_does_not_look_at_the_scale_of_its_input_but_adds_to_it():
    branch, scaled = _block("pre", TOKENS) - TOKENS, _block("pre", 1e4 * TOKENS) - 1e4 * TOKENS
    assert jnp.abs(scaled).max() < 10 * jnp.abs(branch).max()


@pytest.mark.parametrize("placement", ["post_act", "post_pool"])
def test_a_placement_of_convolutions_is_a_user_error(placement):
    with pytest.raises(UserError, match="'pre' .* or 'post'"):
        VIT.describe(placement=placement)


@pytest.mark.parametrize(
    ("overrides", "shape", "reason"),
    [
        ({}, (30, 32, 3), "30x32 does not fall into patches of 4x4"),
        ({"heads": 5}, (32, 32, 3), "5 heads do not divide 64"),
    ],
)
def test_what_does_not_divide_is_a_user_error(overrides, shape, reason):
    with pytest.raises(UserError, match=reason):
        dv.describe(dv.create_model("vit_micro_patch4_32", overrides=overrides), shape)


def test_drop_path_rises_over_the_blocks_and_dropout_stands_where_the_paper_has_it():
    model = dv.create_model("vit_micro_patch4_32", drop_path=0.3, dropout=0.1)
    sites = dv.describe(model, (32, 32, 3)).sites
    rates = [site.detail for site in sites if site.kind == "drop_path"]
    assert rates == ["rate=0.1"] * 2 + ["rate=0.2"] * 2 + ["rate=0.3"] * 2
    assert sum(site.kind == "dropout" for site in sites) == 1 + 4 * 3


def test_two_classifiers_are_averaged_each_on_its_own_token():
    overrides = {"small_images": True, "depth": 1, "width": 8, "heads": 2}
    model = dv.create_model("deit_tiny_distilled_patch16_224", 3, overrides=overrides)
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
    params = model.init(jax.random.key(1), x)["params"]
    tokens = model.clone(num_classes=0).apply({"params": params}, x)
    shared = params | {"distillation_head": params["head"]}
    expected = tokens @ params["head"]["kernel"] + params["head"]["bias"]
    np.testing.assert_allclose(model.apply({"params": shared}, x), expected, rtol=1e-5)
    silent = params | {"distillation_head": jax.tree.map(jnp.zeros_like, params["head"])}
    assert jnp.abs(model.apply({"params": silent}, x) - model.apply({"params": params}, x)).max() > 1e-3


def test_without_a_class_token_the_head_sees_the_mean_of_the_patches():
    model = dv.create_model("simple_vit_s16", 0, overrides={"small_images": True, "depth": 1, "width": 8, "heads": 2})
    x = jax.random.normal(jax.random.key(0), (1, 8, 8, 3))
    y, variables = model.init_with_output(jax.random.key(1), x)
    (patches,) = model.apply(variables, x, method="features")
    np.testing.assert_allclose(y, patches.mean(axis=(1, 2)), atol=1e-6)
    assert not {"class_token", "positions"} & variables["params"].keys()


def test_positions_are_brought_to_another_grid():
    model = dv.create_model("vit_micro_patch4_32")
    positions = np.ones((1, 65, 64), np.float32)
    np.testing.assert_allclose(model.resized("positions", positions, (1, 17, 64)), np.ones((1, 17, 64)), atol=1e-6)
    assert model.resized("positions", positions, (1, 16, 64)) is None
    assert model.resized("head/bias", positions[0, 0], (1,)) is None


@pytest.mark.parametrize(
    ("name", "overrides", "reason"),
    [
        ("vit_micro_patch4_32", {"readout": "max"}, "readout must be one of token, mean"),
        ("vit_micro_patch4_32", {"positions": "none"}, "positions must be one of learned, sincos2d"),
        ("deit_tiny_distilled_patch16_224", {"readout": "mean", "small_images": True}, "use readout 'token'"),
    ],
)
def test_what_cannot_be_read_out_is_a_user_error(name, overrides, reason):
    with pytest.raises(UserError, match=reason):
        dv.describe(dv.create_model(name, overrides=overrides), (32, 32, 3))


def test_attention_blocks_stand_behind_both_branches():
    description = dv.describe(dv.create_model("vit_micro_patch4_32", attention="se"), (32, 32, 3))
    assert [site.path for site in description.sites if site.kind == "attention"] == [
        f"block{block}/attention{number}" for block in range(4) for number in (1, 2)
    ]
