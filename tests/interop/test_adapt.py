"""Weights for other classes, other channels and other parts of a network than they were learned with."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

import deepvision as dv
from deepvision.array_files import read_arrays
from deepvision.errors import UserError
from deepvision.interop import pretrained, refit
from deepvision.interop.adapt import with_channels
from tests.goldens import fill

NAME = "cifar_resnet20"


@pytest.fixture(scope="module")
def weights():
    return fill.golden(NAME).weights


@pytest.fixture(scope="module")
def images():
    return fill.golden(NAME).x


def test_another_number_of_classes_starts_the_classifier_anew(weights):
    whole, other = (flatten_dict(dv.load_weights(NAME, weights, num_classes=n)) for n in (10, 7))
    head = {path for path in whole if "head" in path}
    assert len(head) == 2
    for path in whole.keys() - head:
        np.testing.assert_array_equal(whole[path], other[path])
    kernel = other["params", "head", "dense", "kernel"]
    assert kernel.shape == (64, 7) and 0.5 < kernel.std() * 8 < 2  # variance 1 / 64, as the network's own start


def test_without_classes_the_features_are_left(weights, images):
    variables = dv.load_weights(NAME, weights, num_classes=0)
    assert "head" not in variables["params"]
    features = dv.create_model(NAME, num_classes=0).apply(variables, images)
    head = dv.load_weights(NAME, weights)["params"]["head"]["dense"]
    logits = dv.create_model(NAME).apply(dv.load_weights(NAME, weights), images)
    np.testing.assert_allclose(features @ head["kernel"] + head["bias"], logits, rtol=1e-4, atol=1e-3)


def test_a_source_without_classifier_serves_a_new_one(weights):
    body = {name: array for name, array in weights.items() if not name.startswith("linear")}
    assert dv.load_weights(NAME, body, num_classes=3)["params"]["head"]["dense"]["bias"].shape == (3,)
    with pytest.raises(UserError, match=r"missing: linear.bias, linear.weight"):
        dv.load_weights(NAME, body)


def test_one_channel_sees_what_three_equal_ones_see(weights, images):
    gray = images[..., :1]
    of_gray = dv.create_model(NAME).apply(dv.load_weights(NAME, weights, image_shape=(32, 32, 1)), gray)
    of_three = dv.create_model(NAME).apply(dv.load_weights(NAME, weights), jnp.repeat(gray, 3, axis=-1))
    np.testing.assert_allclose(of_gray, of_three, rtol=1e-3, atol=1e-3)


def test_six_equal_channels_see_what_three_see():
    kernel = np.random.default_rng(0).standard_normal((3, 3, 3, 4))
    six = with_channels(kernel, 6)
    np.testing.assert_allclose(six.sum(axis=-2), kernel.sum(axis=-2))
    assert with_channels(kernel, 4).shape == (3, 3, 4, 4)


def test_a_dense_layer_on_the_pixels_knows_one_size_only():
    weights = {name: np.zeros(shape) for name, shape in fill.state("lenet5_modern").items()}
    with pytest.raises(UserError, match=r"misshaped: fc1.weight \(120, 400\)"):
        dv.load_weights("lenet5_modern", weights, image_shape=(36, 36, 1))


def test_variables_of_our_own_fit_other_classes_but_no_other_network():
    model = dv.create_model("mlp", overrides={"hidden": (8,)})
    variables = model.init(jax.random.key(0), jnp.zeros((1, 4, 4, 1)))
    fitted = refit(model, variables, 3, (4, 4, 1), "elsewhere")
    assert {path[1] for path in fitted} == {"fc1"}
    wider = dv.create_model("mlp", overrides={"hidden": (9,)})
    with pytest.raises(UserError, match=r"do not fit elsewhere: misshaped: .*fc1/dense/kernel \(16, 8\) for \(16, 9\)"):
        refit(wider, variables, 10, (4, 4, 1), "elsewhere")
    with pytest.raises(UserError, match="missing: params/fc1/dense/bias; left over: params/fc1/norm/bias"):
        plain = dv.create_model("mlp", norm="none", overrides={"hidden": (8,)})
        normed = dv.create_model("mlp", norm="layer", overrides={"hidden": (8,)})
        refit(plain, normed.init(jax.random.key(0), jnp.zeros((1, 4, 4, 1))), 10, (4, 4, 1), "elsewhere")


def test_a_swapped_activation_keeps_the_weights_and_a_swapped_norm_is_refused(weights):
    swapped = dv.create_model(NAME, act="silu")
    assert pretrained(swapped, weights, 10, None, NAME).keys() == flatten_dict(dv.load_weights(NAME, weights)).keys()
    with pytest.raises(UserError, match="left over: .*running_mean"):
        pretrained(dv.create_model(NAME, norm="group"), weights, 10, None, NAME)


def test_reading_pth_asks_for_torch(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "torch", None)
    (tmp_path / "weights.pth").touch()
    with pytest.raises(UserError, match=r"pip install 'deepvision\[torch\]'"):
        read_arrays(tmp_path / "weights.pth")


def test_a_network_that_restores_images_goes_on_where_it_stopped():
    """It has no classifier to leave out, and refuses to be built with another number of channels."""
    model = dv.create_model("dncnn17_gray", overrides={"depth": 3, "width": 4})
    variables = model.init(jax.random.key(0), jnp.zeros((1, 8, 8, 1)))
    fitted = refit(model, variables, 1, (8, 8, 1), "here")
    assert fitted.keys() == flatten_dict(dict(variables)).keys()
    with pytest.raises(UserError, match="misshaped"):
        refit(model.clone(width=5), variables, 1, (8, 8, 1), "here")
