"""What is particular to the networks for segmentation: outputs at every position."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision import ops
from deepvision.errors import UserError

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
