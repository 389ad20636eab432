"""What is particular to the networks for segmentation: outputs at every position."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision import ops
from deepvision.errors import UserError
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.layers.initializers import bilinear
from deepvision.layers.layers import Layers
from deepvision.models.segnet import unpool

TINY = {"stage_sizes": (1, 1), "width": 8, "output_stride": 4}


def _output(model, shape):
    return dv.describe(model, shape).output_shape


@pytest.mark.parametrize("name", ["fcn_resnet50", "deeplabv3_resnet50"])
def test_logits_have_the_size_of_the_image(name):
    model = dv.create_model(name, num_classes=5, overrides=TINY)
    assert model.dense
    for height, width in ((32, 32), (33, 50)):
        assert _output(model, (height, width, 3)) == (height, width, 5)
    assert _output(model.clone(small_images=True, output_stride=1), (16, 16, 3)) == (16, 16, 5)


def test_unet_gives_the_inner_part_or_all():
    unet = dv.create_model("unet_2015")
    assert _output(unet, (572, 572, 1)) == (388, 388, 2)
    assert _output(unet, (188, 220, 3)) == (4, 36, 2)
    assert _output(dv.create_model("unet_padded"), (64, 48, 1)) == (64, 48, 2)


@pytest.mark.parametrize(
    "name, side, fits",
    [("unet_2015", 512, "188, 204, 220"), ("unet_2015", 172, "188"), ("unet_padded", 40, "16, 32, 48")],
)
def test_unet_names_the_sizes_that_fit(name, side, fits):
    with pytest.raises(UserError, match=f"{side}x{side} does not fit; resize or pad its sides to one of {fits}"):
        _output(dv.create_model(name), (side, side, 1))


def test_an_output_of_unet_sees_the_middle_of_the_image():
    """Where padding does not reach, both forms give the same: the valid one's outputs lie in the middle."""
    small = {"depth": 1, "width": 4}
    valid, padded = (dv.create_model(name, overrides=small, dropout=0.0) for name in ("unet_2015", "unet_padded"))
    x = jax.random.normal(jax.random.key(0), (1, 36, 36, 1))
    variables = jax.jit(valid.init)(jax.random.key(1), x)
    y, z = (jax.jit(model.apply)(variables, x) for model in (valid, padded))
    assert y.shape[1] == 20
    np.testing.assert_allclose(y, z[:, 8:28, 8:28], atol=1e-5)


def test_bilinear_interpolation_meets_the_centres_and_keeps_the_border():
    x = jnp.asarray([0.0, 1.0, 3.0]).reshape(1, 1, 3, 1)
    y = ops.resize_bilinear(x, 2, 6)
    np.testing.assert_allclose(y[0, 0, :, 0], [0, 0.25, 0.75, 1.5, 2.5, 3], atol=1e-6)
    np.testing.assert_array_equal(y[0, 0], y[0, 1])


def _unet(encoder, **overrides):
    return dv.create_model("unet", 5, overrides={"encoder": encoder, "encoder_overrides": overrides})


@pytest.mark.parametrize("encoder", ["cifar_resnet20", "vgg11_bn", "swin_t", "densenet121", "googlenet"])
def test_any_network_encodes(encoder):
    model, alone = _unet(encoder), dv.create_model(encoder, num_classes=0)
    assert model.layers == alone.layers
    described = dv.describe(model, (50, 64, 3))
    assert described.output_shape == (50, 64, 5)
    inside = [site.path for site in described.sites if site.path.startswith("encoder/")]
    whole = [f"encoder/{site.path}" for site in dv.describe(alone, (50, 64, 3)).sites]
    assert inside == whole[: len(inside)] and len(inside) >= len(whole) - 6  # which pool and classify


def test_a_swap_reaches_the_encoder_and_its_fields_can_be_set():
    model = dv.create_model("unet", norm="group", overrides={"encoder": "resnet18", "encoder_overrides": {"width": 8}})
    assert set(dv.describe(model, (32, 32, 3)).count("norm")) == {"group"}
    small = _unet("resnet18", small_images=True, stage_sizes=[1, 1])
    pyramid = jax.eval_shape(
        lambda x: small.init_with_output(jax.random.key(0), x, method="features")[0], jnp.ones((1, 8, 8, 3))
    )
    assert [stage.shape[1:] for stage in pyramid] == [(8, 8, 64), (4, 4, 128)]


@pytest.mark.parametrize(
    ("encoder", "complaint"),
    [
        ("vit_tiny_patch4_32", "no planes of features at several resolutions"),
        ("mlp", "no planes of features at several resolutions"),
        ("unet_2015", "is itself a network for every pixel"),
        ("resnet19", "did you mean 'resnet"),
    ],
)
def test_what_has_no_pyramid_does_not_encode(encoder, complaint):
    with pytest.raises(UserError, match=complaint):
        _output(_unet(encoder), (32, 32, 3))


def test_the_weights_of_an_encoder_keep_their_names():
    def written(model):
        x = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
        ones = jax.tree.map(
            lambda leaf: np.broadcast_to(np.float32(1), leaf.shape), jax.eval_shape(model.init, jax.random.key(0), x)
        )
        return write_from(ones, rules_of(model)[0], "a network")

    alone, inside = written(dv.create_model("cifar_resnet20")), written(_unet("cifar_resnet20"))
    kept = {name.removeprefix("encoder."): array.shape for name, array in inside.items() if "encoder." in name}
    assert kept == {name: array.shape for name, array in alone.items() if "linear" not in name}
    assert inside["decoder.1.2.norm.running_var"].shape == (16,) and inside["head.weight"].shape == (5, 16, 1, 1)


def test_fcn8s_starts_from_interpolation():
    x = jax.random.normal(jax.random.key(0), (1, 4, 5, 2))
    for kernel, stride, padding in ((4, 2, 1), (16, 8, 4)):
        L = Layers().bind(train=False)
        enlarge = L.conv_transpose(2, kernel, stride, padding=padding, kernel_init=bilinear, use_bias=False, name="up")
        y, _ = enlarge.init_with_output(jax.random.key(1), x)
        inner = slice(stride, -stride)  # beyond the border the convolution sees zeros
        expected = ops.resize_bilinear(x, 4 * stride, 5 * stride)
        np.testing.assert_allclose(y[:, inner, inner], expected[:, inner, inner], atol=1e-5)


@pytest.mark.parametrize("name", ["fcn8s", "segnet"])
def test_outputs_have_the_size_of_the_image(name):
    model = dv.create_model(name, num_classes=5, overrides={"width": 4, "stage_sizes": (1, 1, 1, 1, 1)})
    for height, width in ((32, 32), (45, 70)):
        assert _output(model, (height, width, 3)) == (height, width, 5)


def test_unpooling_puts_values_where_the_maxima_were():
    x = jnp.asarray([[1.0, 5, 2, 2, 9], [3, 4, 2, 2, 9], [9, 9, 9, 9, 9]])[None, ..., None]
    y = unpool(jnp.asarray([[7.0, 8]])[None, ..., None], x)
    np.testing.assert_array_equal(y[0, ..., 0], [[0, 7, 8, 0, 0], [0, 0, 0, 0, 0], [0, 0, 0, 0, 0]])
