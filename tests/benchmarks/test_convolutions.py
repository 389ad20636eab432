"""The ways that are compared compute the same."""

from __future__ import annotations

import jax
import numpy as np
import pytest

from deepvision.layers.conv import convolve
from experiments.benchmarks import convolutions


@pytest.mark.parametrize(
    ("images", "kernel", "stride", "padding", "groups"),
    [
        ((2, 9, 9, 6), (3, 3, 6, 8), 2, 1, 1),
        ((2, 9, 9, 6), (3, 3, 2, 9), 1, 1, 3),
        ((2, 8, 8, 3), (4, 4, 3, 5), 4, 0, 1),
    ],
)
def test_patches_give_the_convolution(images, kernel, stride, padding, groups):
    x, k = jax.random.normal(jax.random.key(0), images), jax.random.normal(jax.random.key(1), kernel)
    expected = convolve(x, k, (stride, stride), (padding, padding), groups=groups)
    np.testing.assert_allclose(convolutions.by_patches(x, k, stride, padding, groups), expected, atol=2e-5)


def test_the_table_says_how_the_ways_compare():
    seconds = np.ones((len(convolutions.CASES), 4, 3))
    seconds[:, 0] = 0.5
    seconds[:, 3] = 0.8
    first = convolutions.table(seconds).splitlines()[2]
    assert first == "| ResNet-20, first | forward | 500.00 | 1000.00 | 1000.00 | 800.00 | 0.62 |"
