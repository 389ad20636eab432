"""What is particular to residual networks: shortcuts, strides and dilation, groups, dropout inside a unit."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.residual import averaging, subsampling


def _images(*shape):
    return jax.random.normal(jax.random.key(0), shape)


def test_a_branch_that_starts_at_zero_leaves_the_identity():
    model = dv.create_model("cifar_resnet20", overrides={"zero_init_residual": True, "stage_sizes": (2,)}, norm="layer")
    stem = dv.create_model("cifar_plain20", overrides={"stage_sizes": (0,)}, norm="layer")
    x = _images(1, 8, 8, 3)
    params = jax.jit(model.init)(jax.random.key(1), x)["params"]
    (stage,) = jax.jit(functools.partial(model.apply, method="features"))({"params": params}, x)
    (before,) = stem.apply({"params": {"conv1": params["conv1"]}}, x, method="features")
    np.testing.assert_allclose(stage, before, atol=1e-6)


def test_shortcuts_without_parameters_take_positions_or_their_means_and_add_zeros():
    x = _images(2, 6, 4, 2)
    y = subsampling(None, 6, 2)(x)
    np.testing.assert_array_equal(y[..., 2:4], x[:, ::2, ::2])
    assert not y[..., :2].any() and not y[..., 4:].any()
    y = averaging(None, 6, 2)(x)
    np.testing.assert_allclose(y[:, 1, 1, :2], x[:, 2:4, 2:4].mean(axis=(1, 2)), atol=1e-6)
    assert not y[..., 2:].any()
    assert averaging(None, 2, 2)(_images(1, 5, 3, 2)).shape == (1, 3, 2, 2)


@pytest.mark.parametrize("name", ["resnet18", "resnet50", "resnet50_v1"])
def test_dilation_keeps_the_weights_and_what_they_see(name):
    """At every fourth position, a network that dilates gives what the one that strides does."""
    small = {"stage_sizes": (1, 1, 2), "width": 4}
    strides = dv.create_model(name, norm="none", overrides=small)
    dilates = dv.create_model(name, norm="none", overrides={**small, "output_stride": 4})
    x, rng = _images(1, 32, 32, 3), np.random.default_rng(0)
    shapes = jax.eval_shape(strides.init, jax.random.key(1), x)
    variables = jax.tree.map(lambda leaf: 0.2 * rng.standard_normal(leaf.shape, np.float32), shapes)
    y, z = (
        jax.jit(functools.partial(model.apply, method="features"))(variables, x)[-1] for model in (strides, dilates)
    )
    assert np.abs(y).max() > 0.1
    assert z.shape[1] == 4 * y.shape[1]
    np.testing.assert_allclose(z[:, ::4, ::4], y, rtol=1e-4, atol=1e-5)


def test_an_output_stride_that_the_stem_exceeds_is_refused():
    with pytest.raises(UserError, match="output_stride must be a power of 2, at least 4, got 2"):
        dv.describe(dv.create_model("resnet18", overrides={"output_stride": 2}), (64, 64, 3))


def test_groups_see_nothing_of_each_other():
    model = dv.create_model("resnext50_32x4d", overrides={"stage_sizes": (1,)})
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))["params"]
    assert params["layer1_0"]["conv2"]["conv"]["kernel"].shape == (3, 3, 4, 128)


def test_dropout_of_a_wide_network_stands_between_activation_and_second_convolution():
    model = dv.create_model("cifar_wrn28_10", dropout=0.3)
    sites = [site for site in dv.describe(model, (32, 32, 3)).sites if site.path.startswith("layer1_1/conv2")]
    assert [site.kind for site in sites] == ["norm", "act", "dropout", "kernel"]
    dropouts = [site.path for site in dv.describe(model, (32, 32, 3)).sites if site.kind == "dropout"]
    assert len(dropouts) == 12 and "head/dropout" not in dropouts


def test_senet154_is_known_by_two_names():
    assert dv.create_model("senet154") == dv.create_model("legacy_senet154")
