"""Weights come and go under other libraries' names, and what does not fit is listed."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np
import pytest
import safetensors.numpy

import deepvision as dv
from deepvision.errors import UserError
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.models import MODELS
from tests.goldens import fill
from tests.models.kinds import one_of_each_kind

SMALL = ("mlp", "lenet5_1998", "lenet5_modern", "cifar_resnet20", "cifar_plain20", "vit_micro_patch4_32")


@functools.lru_cache(maxsize=1)
def _ones(name, **choices):
    """Returns variables of a network that take no memory."""
    model = dv.create_model(name, **choices)
    x = jax.ShapeDtypeStruct((1, *model.image_shape), jnp.float32)
    shapes = jax.eval_shape(model.init, jax.random.key(0), x)
    return jax.tree.map(lambda leaf: np.broadcast_to(np.float32(1), leaf.shape), shapes)


def _written(name, dialect=0):
    return write_from(_ones(name), rules_of(dv.create_model(name))[dialect], name)


@pytest.mark.parametrize("name", fill.names())
def test_names_and_shapes_are_those_of_the_reference(name):
    dialects = range(len(rules_of(dv.create_model(name))))
    written = [{key: array.shape for key, array in _written(name, dialect).items()} for dialect in dialects]
    assert fill.state(name) in written


@pytest.mark.parametrize("name", sorted(set(one_of_each_kind(MODELS)) - set(fill.names())))
def test_every_array_gets_a_name_of_its_own(name):
    sizes = sum(leaf.size for leaf in jax.tree.leaves(_ones(name)))
    written = [array for array in _written(name).values() if array.any()]  # biases that ours lack are zero
    assert sum(array.size for array in written) == sizes


@pytest.mark.parametrize("suffix", [".npz", ".safetensors"])
@pytest.mark.parametrize("name", SMALL)
def test_saving_and_loading_changes_no_bit(name, suffix, tmp_path):
    rng = np.random.default_rng(0)
    variables = jax.tree.map(lambda leaf: rng.standard_normal(leaf.shape, np.float32), _ones(name))
    path = tmp_path / f"weights{suffix}"
    dv.save_weights(path, name, variables)
    loaded = dv.load_weights(name, path)
    assert jax.tree.structure(loaded) == jax.tree.structure(variables)
    jax.tree.map(np.testing.assert_array_equal, loaded, variables)


def test_classes_follow_the_source():
    arrays = fill.golden("cifar_resnet20").weights
    arrays["linear.weight"], arrays["linear.bias"] = arrays["linear.weight"][:3], arrays["linear.bias"][:3]
    variables = dv.load_weights("cifar_resnet20", arrays)
    x = jnp.ones((1, 32, 32, 3))
    three, ten = dv.create_model("cifar_resnet20", num_classes=3), dv.create_model("cifar_resnet20")
    whole = ten.apply(dv.load_weights("cifar_resnet20", fill.golden("cifar_resnet20").weights), x)
    np.testing.assert_allclose(three.apply(variables, x), whole[:, :3], rtol=1e-4)


def test_a_bias_in_front_of_a_norm_is_folded_into_its_mean():
    golden = fill.golden("cifar_resnet20")
    bias = np.linspace(-1, 1, 16, dtype=np.float32)
    biased = golden.weights | {"conv1.bias": bias, "bn1.running_mean": golden.weights["bn1.running_mean"] + bias}
    model = dv.create_model("cifar_resnet20")
    x = golden.x[:1]
    y = model.apply(dv.load_weights("cifar_resnet20", golden.weights), x)
    np.testing.assert_allclose(model.apply(dv.load_weights("cifar_resnet20", biased), x), y, atol=1e-4)


def test_what_training_wrappers_add_is_left_out():
    arrays = fill.golden("cifar_resnet20").weights
    wrapped = {f"module.{name}": value for name, value in arrays.items()}
    wrapped["module.bn1.num_batches_tracked"] = np.asarray(7)
    expected = dv.load_weights("cifar_resnet20", arrays)
    jax.tree.map(np.testing.assert_array_equal, dv.load_weights("cifar_resnet20", wrapped), expected)


def test_half_precision_becomes_single(tmp_path):
    arrays = fill.golden("lenet5_modern").weights
    half = {name: value.astype(ml_dtypes.bfloat16) for name, value in arrays.items()}
    safetensors.numpy.save_file(half, tmp_path / "half.safetensors")
    loaded = dv.load_weights("lenet5_modern", tmp_path / "half.safetensors")
    kernel = loaded["params"]["head"]["kernel"]
    assert kernel.dtype == jnp.float32
    np.testing.assert_array_equal(kernel, half["fc3.weight"].T.astype(np.float32))


def test_everything_that_does_not_fit_is_listed():
    arrays = fill.golden("cifar_resnet20").weights
    del arrays["layer1.0.bn1.weight"], arrays["layer2.0.bn2.running_var"]
    arrays["layer9.0.conv1.weight"] = np.zeros((1, 1, 3, 3))
    arrays["layer3.1.conv2.weight"] = np.zeros((64, 64, 5, 5))
    arrays["layer3.2.conv2.weight"] = np.zeros(64)
    with pytest.raises(UserError) as error:
        dv.load_weights("cifar_resnet20", arrays)
    message = str(error.value)
    assert "\n" not in message
    missing, left_over, misshaped = message.split(";")
    assert missing.endswith("missing: layer1.0.bn1.weight, layer2.0.bn2.running_var")
    assert left_over == " left over: layer9.0.conv1.weight"
    assert "layer3.1.conv2.weight (64, 64, 5, 5) for layer3_1/conv2/conv/kernel (3, 3, 64, 64)" in misshaped
    assert "layer3.2.conv2.weight (64,)" in misshaped


def test_a_long_list_is_cut():
    with pytest.raises(UserError, match=r"missing: .* and 89 more"):
        dv.load_weights("cifar_resnet20", {})


def _as_npz(path):
    np.save(path.open("wb"), np.zeros(3))


def _as_pickle(path):
    np.savez(path.open("wb"), fc=np.array([{}], dtype=object))


@pytest.mark.parametrize(
    ("name", "write", "complaint"),
    [
        ("none.npz", None, "no file"),
        ("weights.bin", None, "none of .npz, .safetensors, .pth, .pt"),
        ("weights.npz", lambda path: path.write_bytes(b"nonsense"), "cannot read"),
        ("array.npz", _as_npz, "cannot read"),
        ("pickled.npz", _as_pickle, "cannot read"),
        ("weights.safetensors", lambda path: path.write_bytes(b"nonsense"), "cannot read"),
    ],
)
def test_a_file_that_cannot_be_read_is_a_user_error(name, write, complaint, tmp_path):
    if write:
        write(tmp_path / name)
    with pytest.raises(UserError, match=complaint):
        dv.load_weights("resnet18", tmp_path / name)


def test_a_nested_mapping_is_a_user_error():
    with pytest.raises(UserError, match="'state_dict' is no array of real numbers"):
        dv.load_weights("resnet18", {"state_dict": {"fc.weight": np.zeros((10, 512))}})


def test_only_the_papers_layers_have_names(tmp_path):
    variables = _ones("lenet5_modern", kernel="weight_norm")
    with pytest.raises(UserError, match="conv1/conv/kernel_gain has no other name"):
        dv.save_weights(tmp_path / "weights.npz", "lenet5_modern", variables)


def test_a_folder_that_does_not_exist_is_a_user_error(tmp_path):
    for suffix in ("npz", "safetensors"):
        with pytest.raises(UserError, match="cannot write"):
            dv.save_weights(tmp_path / "none" / f"weights.{suffix}", "cifar_resnet20", _ones("cifar_resnet20"))
