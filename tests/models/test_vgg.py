"""What is particular to VGG: its local response normalization, and planes of any size in front of the classifier."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision import ops


@pytest.mark.parametrize("length", [1, 2, 7, 10, 14, 17])
def test_adaptive_average_takes_the_mean_of_each_bin(length):
    x = jax.random.normal(jax.random.key(0), (2, length, 9, 3))
    y = ops.adaptive_average(x, 7)
    for i, j in ((0, 0), (2, 3), (6, 5)):
        rows = slice(int(np.floor(i * length / 7)), int(np.ceil((i + 1) * length / 7)))
        columns = slice(int(np.floor(j * 9 / 7)), int(np.ceil((j + 1) * 9 / 7)))
        np.testing.assert_allclose(y[:, i, j], x[:, rows, columns].mean(axis=(1, 2)), atol=1e-6)


def test_adaptive_average_keeps_what_fits_and_repeats_a_single_position():
    x = jax.random.normal(jax.random.key(0), (2, 7, 7, 3))
    assert ops.adaptive_average(x, 7) is x
    np.testing.assert_allclose(ops.adaptive_average(x[:, :1, :1], 7), jnp.tile(x[:, :1, :1], (1, 7, 7, 1)), atol=1e-6)


def test_the_order_of_a_lrn_is_convolution_activation_norm_pooling():
    sites = [site for site in dv.describe(dv.create_model("vgg11_lrn"), (224, 224, 3)).sites if "conv1_1" in site.path]
    assert [site.kind for site in sites] == ["kernel", "act", "norm", "attention", "pool"]


def test_batch_norm_stands_behind_convolutions_alone():
    description = dv.describe(dv.create_model("vgg16_bn"), (224, 224, 3))
    assert description.count("norm") == {"batch": 13}
    assert all(site.path.startswith("conv") for site in description.sites if site.kind == "norm")
    assert description.count("act") == {"relu": 15} and description.count("dropout").total() == 2
