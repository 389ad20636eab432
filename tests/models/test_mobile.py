"""Networks for small devices: linear bottlenecks, two kinds of activations, widths and depths that are scaled."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.errors import UserError
from deepvision.layers.layers import Layers
from deepvision.layers.mobile import FusedInvertedResidual, InvertedResidual, divisible, places

X = jax.random.normal(jax.random.key(0), (2, 6, 6, 8))


def _kinds(model, block, shape=(224, 224, 3)):
    return [site.kind for site in dv.describe(model, shape).sites if site.path.startswith(f"{block}/")]


@pytest.mark.parametrize(("channels", "multiple"), [(3, 8), (11.2, 16), (12, 16), (33.6, 32), (1408, 1408), (19, 24)])
def test_divisible_rounds_to_eights_and_loses_no_tenth(channels, multiple):
    assert divisible(channels) == multiple


def test_the_first_halving_is_left_out_for_small_images():
    rows = [(16, 1, 1), (24, 2, 2), (32, 1, 2)]
    assert [place.stride for place in places(8, rows)] == [1, 2, 1, 2]
    small = list(places(8, rows, small_images=True))
    assert [place.stride for place in small] == [1, 1, 1, 2]
    assert [(place.inputs, place.features) for place in small] == [(8, 16), (16, 24), (24, 24), (24, 32)]
    assert [place.depth for place in small] == pytest.approx([0, 1 / 3, 2 / 3, 1])


@pytest.mark.parametrize(
    "name",
    [
        "mobilenet_v1",
        "mobilenet_v2",
        "mobilenet_v3_large",
        "mobilenet_v3_small",
        "mnasnet1_0",
        "efficientnet_b0",
        "efficientnet_v2_s",
        "regnet_y_400mf",
        "shufflenet_v1_g3",
        "shufflenet_v2_x0_5",
        "convnext_tiny",
    ],
)
def test_small_images_keep_an_eighth_of_their_size(name):
    model = dv.create_model(name, overrides={"small_images": True})
    image = jax.ShapeDtypeStruct((1, 32, 32, 3), jnp.float32)
    stages = jax.eval_shape(lambda x: model.init_with_output(jax.random.key(0), x, method="features")[0], image)
    sizes = [stage.shape[1] for stage in stages]
    assert sizes[-1] == 4
    assert sizes == sorted(set(sizes), reverse=True)


@pytest.mark.parametrize("placement", ["post", "pre", "post_act"])
@pytest.mark.parametrize("block", [InvertedResidual, FusedInvertedResidual])
def test_nothing_bends_what_passes_a_linear_bottleneck(block, placement):
    layers = Layers(norm="batch", act="relu6", placement=placement).bind(train=False)
    module = block(layers, features=8, hidden=16)
    variables = module.init(jax.random.key(0), X)
    without_branch = jax.tree.map(jnp.zeros_like, variables["params"])
    np.testing.assert_array_equal(module.apply({**variables, "params": without_branch}, X), X)
    assert module.apply(variables, X).min() < -0.5


def test_the_projection_has_no_activation_and_the_attention_stands_in_front_of_it():
    unit = ["kernel", "norm", "act"]
    assert _kinds(dv.create_model("mobilenet_v2"), "layer3_1") == [*unit, *unit, "attention", "kernel", "norm"]
    assert _kinds(dv.create_model("efficientnet_v2_s"), "layer1_0") == unit


@pytest.mark.parametrize(("act", "placement", "remedy"), [("crelu", "post", "pre"), ("glu", "pre", "post")])
def test_a_width_that_a_depthwise_convolution_cannot_make_good_is_a_user_error(act, placement, remedy):
    with pytest.raises(UserError, match=f"depthwise convolution .* use placement '{remedy}'"):
        dv.describe(dv.create_model("mobilenet_v1", act=act, placement=placement), (32, 32, 3))
    dv.describe(dv.create_model("mobilenet_v1", act=act, placement=remedy), (32, 32, 3))


def test_mobilenet_v3_has_two_kinds_of_activations_and_a_swap_reaches_both():
    model = dv.create_model("mobilenet_v3_large")
    description = dv.describe(model, (224, 224, 3))
    rows = 2 * 6 - 1, 2 * 9  # activations in the rows RE, the first of which does not expand, and HS
    gates = 8
    assert description.count("attention") == {"se": gates}
    assert description.count("act") == {"relu": rows[0] + gates, "hard_swish": rows[1] + 3}
    swapped = dv.describe(dv.create_model("mobilenet_v3_large", act="mish"), (224, 224, 3))
    assert swapped.count("act") == {"mish": rows[0] + gates + rows[1] + 3}


@pytest.mark.parametrize(
    ("name", "parameters", "macs"),  # in millions and billions, of table 2
    [("b2", 9.2, 1.0), ("b3", 12, 1.8), ("b4", 19, 4.2), ("b5", 30, 9.9), ("b6", 43, 19), ("b7", 66, 37)],
)
def test_compound_scaling_gives_the_published_sizes(name, parameters, macs):
    model = dv.create_model(f"efficientnet_{name}")
    description = dv.describe(model, model.image_shape)
    assert description.parameters / 1e6 == pytest.approx(parameters, rel=0.025)
    assert description.macs / 1e9 == pytest.approx(macs, rel=0.05)


def test_squeezenet_counts_no_class_below_zero():
    model = dv.create_model("squeezenet1_1", num_classes=5, overrides={"fires": ((4, 8),), "pools": (1,)})
    logits = model.init_with_output(jax.random.key(0), jax.random.normal(jax.random.key(1), (2, 16, 16, 3)))[0]
    assert logits.shape == (2, 5)
    assert logits.min() >= 0
