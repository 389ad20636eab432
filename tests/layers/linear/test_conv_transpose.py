"""The transposed convolution: adjoint of the convolution, its cost, and what it refuses."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

from deepvision.errors import UserError
from deepvision.layers.conv import convolve, convolve_transposed
from deepvision.layers.layers import Layers
from tests.layers.norms.support import normal

L = Layers(norm="none").bind(train=False)


@pytest.mark.parametrize("dilation", [1, 2])
@pytest.mark.parametrize("padding", [0, 1])
@pytest.mark.parametrize("stride", [1, 2, 3])
def test_is_the_adjoint_of_the_convolution(stride: int, padding: int, dilation: int) -> None:
    """<conv(x), y> = <x, conv_transpose(y)>, inputs and outputs of the kernel changing places."""
    geometry, dilations = ((stride, stride), (padding, padding)), (dilation, dilation)
    size = (11, 10)
    left_over = tuple((length + 2 * padding - 2 * dilation - 1) % stride for length in size)
    with jax.enable_x64(True):
        x, kernel = normal((2, *size, 3)), normal((3, 3, 3, 4), seed=1)
        forward = convolve(x, kernel, *geometry, dilations)
        y = normal(forward.shape, seed=2)
        back = convolve_transposed(y, kernel.swapaxes(2, 3), *geometry, left_over, dilations)
        found, expected = float(jnp.vdot(x, back)), float(jnp.vdot(forward, y))
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("groups", [1, 2])
def test_macs_count_every_input_at_every_tap(groups: int) -> None:
    layer = L.conv_transpose(6, 4, 2, padding=1, groups=groups, name="layer")
    x = jnp.ones((1, 5, 3, 4))
    y, variables = layer.init_with_output(jax.random.key(0), x)
    assert y.shape == (1, 10, 6, 6)
    assert layer.macs(x, y) == 5 * 3 * variables["params"]["kernel"].size


@pytest.mark.parametrize(
    ("arguments", "shape", "message"),
    [
        (dict(features=4), (2, 5, 4), r"needs images \[n, h, w, c\], got shape \(2, 5, 4\)"),
        (dict(features=4, groups=3), (1, 5, 5, 6), "3 groups divide not both 6 and 4 channels"),
        (dict(features=4, groups=0), (1, 5, 5, 6), "0 groups divide not both 6 and 4 channels"),
        (dict(features=4, output_padding=2), (1, 5, 5, 4), r"output_padding must be in \[0, 1\], got 2"),
    ],
)
def test_bad_arguments_are_refused(arguments: dict, shape: tuple[int, ...], message: str) -> None:
    with pytest.raises(UserError, match=message):
        L.conv_transpose(**arguments, name="layer").init(jax.random.key(0), jnp.ones(shape))
