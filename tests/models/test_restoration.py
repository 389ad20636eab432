"""What is particular to networks that restore images: residuals, scales, conditions, and what norms become."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision import ops
from deepvision.errors import UserError
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.models import PUBLISHED
from deepvision.models.partial_conv_unet import Part, see
from tests.laws.zoo import NETWORKS

RESTORING = [network for network in NETWORKS if network.make().outputs == "image"]
SMALL = {network.name: network for network in RESTORING}
LEARNS_THE_RESIDUAL = ("dncnn17_gray", "vdsr")


def _values(network, **choices):
    """Returns random variables."""
    rng = np.random.default_rng(0)

    def value(path, leaf):
        fan_in = np.prod(leaf.shape[:-1], initial=1)
        positive = path[-1].key in ("scale", "var")
        return rng.uniform(0.5, 1.5, leaf.shape) if positive else rng.standard_normal(leaf.shape) / np.sqrt(fan_in)

    values = jax.tree_util.tree_map_with_path(value, network.shapes(**choices))
    return jax.tree.map(lambda leaf: jnp.asarray(leaf, jnp.float32), values)


def _image(network, key=0, n=2):
    return jax.random.normal(jax.random.key(key), (n, *network.shape))


@pytest.mark.parametrize("network", RESTORING, ids=str)
def test_an_image_leaves_at_the_scale_of_the_network(network):
    model = network.make()
    height, width, channels = network.shape
    for grow in (0, 1, 3):
        described = dv.describe(model, (height + grow, width + grow, channels))
        scale = model.scale
        assert described.output_shape == (scale * (height + grow), scale * (width + grow), model.num_classes)
    assert not (model.enlarged_input and model.scale > 1)


@pytest.mark.parametrize("name", LEARNS_THE_RESIDUAL)
def test_a_residual_of_zero_is_the_image_itself(name):
    network, x = SMALL[name], _image(SMALL[name])
    variables = _values(network)
    variables["params"]["head"] = jax.tree.map(jnp.zeros_like, variables["params"]["head"])
    np.testing.assert_array_equal(network.make().apply(variables, x), x)
    whole = dv.create_model(name, overrides={**dict(network.overrides), "residual": False})
    np.testing.assert_array_equal(whole.apply(variables, x), jnp.zeros_like(x))


def test_dncnn_takes_the_noise_away_and_vdsr_adds_the_details():
    network, x = SMALL["vdsr"], _image(SMALL["vdsr"])
    variables = _values(network)
    overrides = {**dict(network.overrides), "inner_bias": False}
    dncnn = dv.create_model("dncnn17_gray", norm="none", overrides=overrides)
    np.testing.assert_allclose(dncnn.apply(variables, x) - x, x - network.make().apply(variables, x), atol=1e-5)


@pytest.mark.parametrize("name", ["dncnn17_gray", "vdsr"])
def test_a_residual_of_other_channels_is_a_user_error(name):
    with pytest.raises(UserError, match="residual of 1 channels does not fit an image of 3: set num_classes to 3"):
        dv.describe(dv.create_model(name), (8, 8, 3))
    assert dv.describe(dv.create_model(name, num_classes=3), (8, 8, 3)).output_shape == (8, 8, 3)


def test_norms_merge_into_the_convolutions_in_front_of_them():
    network, x = SMALL["dncnn17_gray"], _image(SMALL["dncnn17_gray"])
    variables = _values(network)
    merged = dict(variables["params"])
    for name, unit in variables["params"].items():
        if "norm" in unit:
            stats = variables["batch_stats"][name]["norm"]
            factor = unit["norm"]["scale"] / jnp.sqrt(stats["var"] + 1e-5)
            bias = unit["norm"]["bias"] - stats["mean"] * factor
            merged[name] = {"conv": {"kernel": unit["conv"]["kernel"] * factor, "bias": bias}}
    plain = dv.create_model("dncnn17_gray", norm="none", overrides=dict(network.overrides))
    np.testing.assert_allclose(plain.apply({"params": merged}, x), network.make().apply(variables, x), atol=1e-4)


@pytest.mark.parametrize("scale", [1, 2, 3])
def test_pixel_shuffle_makes_channels_positions(scale):
    x = jax.random.normal(jax.random.key(0), (2, 3, 5, 2 * scale**2))
    y = ops.pixel_shuffle(x, scale)
    for i in range(scale):
        for j in range(scale):
            np.testing.assert_array_equal(y[:, i::scale, j::scale], x[..., i * scale + j :: scale**2])
    np.testing.assert_array_equal(ops.pixel_unshuffle(y, scale), x)


def test_ffdnet_sees_the_mean_noise_of_every_square():
    network, x = SMALL["ffdnet_gray"], np.asarray(_image(SMALL["ffdnet_gray"])).copy()
    apply = functools.partial(network.make().apply, _values(network))
    moved, louder = x.copy(), x.copy()
    moved[:, ::2, ::2, 1] += 0.5
    moved[:, 1::2, ::2, 1] -= 0.5
    louder[..., 1] += 0.5
    np.testing.assert_allclose(apply(moved), apply(x), atol=1e-5)
    assert np.abs(apply(louder) - apply(x)).max() > 0.01


def test_drunet_is_homogeneous_and_continues_odd_images_by_their_border():
    network, x = SMALL["drunet_gray"], _image(SMALL["drunet_gray"])
    apply = functools.partial(network.make().apply, _values(network))
    np.testing.assert_allclose(apply(3 * x), 3 * apply(x), rtol=1e-4, atol=1e-4)
    continued = jnp.concatenate([x, x[:, -1:]], axis=1)
    np.testing.assert_array_equal(apply(x), apply(continued)[:, : x.shape[1]])


def test_a_batch_norm_comes_to_every_convolution_of_the_body():
    held = [site.path for site in dv.describe(SMALL["edsr_baseline_x2"].make(norm="batch"), (8, 8, 3)).sites]
    held = [path for path in held if "norm" in path]
    assert held == ["block0/conv1/norm", "block0/conv2/norm", "conv2/norm"]


def test_an_enlargement_by_four_takes_two_steps_unless_it_is_direct():
    convs = {
        name: [site.detail for site in dv.describe(dv.create_model(name), (8, 8, 3)).sites if marked in site.path]
        for name, marked in (
            ("edsr_baseline_x4", "enlarge"),
            ("edsr_baseline_x3", "enlarge"),
            ("swinir_light_x4", "head"),
        )
    }
    assert convs == {
        "edsr_baseline_x4": ["3x3 -> 256", "3x3 -> 256"],
        "edsr_baseline_x3": ["3x3 -> 576"],
        "swinir_light_x4": ["3x3 -> 48"],
    }


def test_the_values_of_holes_do_not_count_and_pixels_far_from_any_that_is_known_are_zero():
    network = SMALL["partial_conv_unet"]
    apply = functools.partial(network.make(norm="none").apply, _values(network, norm="none"))
    x = np.asarray(_image(network)).copy()
    x[..., 3] = 0
    np.testing.assert_array_equal(apply(x), np.zeros((*x.shape[:3], 3)))
    x[:, 2:, 3:, 3] = 1
    filled = x.copy()
    filled[:, :2, :, :3], filled[:, :, :3, :3] = 7, -7
    np.testing.assert_array_equal(apply(filled), apply(x))
    assert np.abs(apply(x)).min() > 0


def test_partial_convolutions_make_up_for_what_is_missing():
    known = jnp.ones((1, 4, 4, 1)).at[:, :, :2].set(0)
    ones = jnp.ones((1, 4, 4, 3))
    seen, behind = see((Part(ones, known), Part(ones[..., :2], jnp.ones_like(known))), kernel=3, stride=1)
    factor = 45 / np.array([[2 * 4, 2 * 6 + 3 * 2, 2 * 6 + 3 * 4, 2 * 4 + 3 * 4]] * 1)  # in the first row
    np.testing.assert_allclose(seen.factor[0, :1, :, 0], factor, rtol=1e-6)
    np.testing.assert_array_equal(seen.values[..., :3], known * ones)
    np.testing.assert_array_equal(behind, jnp.ones_like(known))
    alone, behind = see((Part(ones, known),), kernel=3, stride=1)
    np.testing.assert_array_equal(behind[0, 1, :, 0], [0, 1, 1, 1])
    np.testing.assert_allclose(alone.factor[0, 1, :, 0], [0, 3, 1.5, 1.5], rtol=1e-6)


def _conv(side, inputs, outputs):
    return side**2 * inputs * outputs + outputs


def _swin_block(c, heads):
    return 4 * c + 3 * (c * c + c) + c * c + c + 225 * heads + 4 * c * c + 3 * c


def _level(c, units=8):
    return units * 2 * 9 * c * c


@pytest.mark.parametrize(
    ("name", "parameters"),
    [
        ("ffdnet_gray_merged", _conv(3, 5, 64) + 13 * _conv(3, 64, 64) + _conv(3, 64, 4)),
        ("ffdnet_color_merged", _conv(3, 13, 96) + 10 * _conv(3, 96, 96) + _conv(3, 96, 12)),
        (
            "drunet_gray",
            9 * 2 * 64 + _level(64) + _level(128) + _level(256) + _level(512, 4)
            + 2 * 4 * (64 * 128 + 128 * 256 + 256 * 512) + 9 * 64,
        ),
        (
            "rcan_x4",
            _conv(3, 3, 64) + 200 * (2 * _conv(3, 64, 64) + _conv(1, 64, 4) + _conv(1, 4, 64))
            + 11 * _conv(3, 64, 64) + 2 * _conv(3, 64, 256) + _conv(3, 64, 3),
        ),
        (
            "swinir_light_x2",
            _conv(3, 3, 60) + 2 * 120 + 24 * _swin_block(60, 6) + 5 * _conv(3, 60, 60) + _conv(3, 60, 12),
        ),
        (
            "transform_net",  # its norms own a scale and a bias, which takes that of the convolution
            _conv(9, 3, 32) + _conv(3, 32, 64) + _conv(3, 64, 128) + 10 * _conv(3, 128, 128)
            + _conv(3, 128, 64) + _conv(3, 64, 32) + (32 + 64 + 128 + 10 * 128 + 64 + 32) + _conv(9, 32, 3),
        ),
        (
            "adain_decoder",
            _conv(3, 512, 256) + 3 * _conv(3, 256, 256) + _conv(3, 256, 128) + _conv(3, 128, 128)
            + _conv(3, 128, 64) + _conv(3, 64, 64) + _conv(3, 64, 3),
        ),
    ],
)  # fmt: skip
def test_counts_are_those_of_the_formula(name, parameters):
    assert PUBLISHED[name].parameters == parameters


@pytest.mark.parametrize(
    ("name", "dialect", "some"),
    [
        ("dncnn17_gray_merged", 1, {"model.0.weight": (64, 1, 3, 3), "model.32.bias": (1,)}),
        ("ffdnet_color_merged", 0, {"model.0.weight": (96, 13, 3, 3), "model.22.weight": (12, 96, 3, 3)}),
        (
            "drunet_gray",
            0,
            {
                "m_head.weight": (64, 2, 3, 3),
                "m_down1.0.res.2.weight": (64, 64, 3, 3),
                "m_down3.4.weight": (512, 256, 2, 2),
                "m_body.3.res.0.weight": (512, 512, 3, 3),
                "m_up3.0.weight": (512, 256, 2, 2),
                "m_up1.4.res.0.weight": (64, 64, 3, 3),
                "m_tail.weight": (1, 64, 3, 3),
            },
        ),
        (
            "rcan_x4",
            0,
            {
                "body.9.body.19.body.3.conv_du.2.weight": (64, 4, 1, 1),
                "body.9.body.20.bias": (64,),
                "body.10.weight": (64, 64, 3, 3),
                "tail.0.2.weight": (256, 64, 3, 3),
            },
        ),
        (
            "swinir_light_x3",
            0,
            {
                "layers.3.residual_group.blocks.5.attn.relative_position_bias_table": (225, 6),
                "layers.3.residual_group.blocks.5.mlp.fc1.weight": (120, 60),
                "patch_embed.norm.weight": (60,),
                "upsample.0.weight": (27, 60, 3, 3),
            },
        ),
        (
            "partial_conv_unet",
            0,
            {
                "enc_1.conv.conv2d.bias": (64,),
                "enc_2.conv.conv2d.bias": (128,),
                "enc_8.bn.running_mean": (512,),
                "dec_8.conv.conv2d.weight": (512, 1024, 3, 3),
                "dec_1.conv.conv2d.weight": (3, 67, 3, 3),
            },
        ),
        (
            "transform_net",
            0,
            {
                "conv1.conv2d.weight": (32, 3, 9, 9),
                "in3.bias": (128,),
                "res5.conv2.conv2d.weight": (128, 128, 3, 3),
                "res1.in1.weight": (128,),
                "deconv1.conv2d.weight": (64, 128, 3, 3),
                "in5.weight": (32,),
                "deconv3.conv2d.bias": (3,),
            },
        ),
        (
            "adain_decoder",
            0,
            {
                "1.weight": (256, 512, 3, 3),
                "5.weight": (256, 256, 3, 3),
                "14.weight": (128, 256, 3, 3),
                "18.weight": (128, 128, 3, 3),
                "21.weight": (64, 128, 3, 3),
                "25.bias": (64,),
                "28.weight": (3, 64, 3, 3),
            },
        ),
    ],
)
def test_weights_have_the_names_of_the_repositories(name, dialect, some):
    model = dv.create_model(name)
    shapes = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *model.image_shape), jnp.float32))
    variables = jax.tree.map(lambda leaf: np.broadcast_to(np.float32(1), leaf.shape), shapes)
    written = write_from(variables, rules_of(model)[dialect], name)
    assert {entry: written[entry].shape for entry in some} == some
