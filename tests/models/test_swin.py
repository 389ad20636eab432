"""Swin: what windows see of each other, and what they do at the borders."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers.layers import Layers
from deepvision.models.swin import PatchMerging, WindowAttention, Windows

LAYERS = Layers(norm="layer", act="gelu", placement="pre").bind(train=False)


def _attention(shape, window=4, shifted=False):
    module = WindowAttention(LAYERS, heads=2, window=window, shifted=shifted)
    x = jax.random.normal(jax.random.key(1), (1, *shape))
    return module, module.init(jax.random.key(0), x), x


def _seen(module, variables, x, position):
    """Returns which positions the output at one position depends on, [h, w]."""
    gradient = jax.grad(lambda x: module.apply(variables, x)[(0, *position)].sum())(x)
    return np.asarray(jnp.abs(gradient[0]).sum(axis=-1) > 1e-9)


@pytest.mark.parametrize("shifted", [False, True])
@pytest.mark.parametrize("plane", [(8, 8), (6, 9), (3, 4)])
def test_windows_split_and_join(plane, shifted):
    windows = Windows(4, plane, shifted)
    x = jax.random.normal(jax.random.key(0), (2, *plane, 3))
    np.testing.assert_array_equal(windows.join(windows.split(x)), x)


def test_a_position_sees_its_window_alone():
    seen = _seen(*_attention((8, 8, 4)), position=(1, 6))
    assert seen[:4, 4:].all()
    assert seen.sum() == 16


@pytest.mark.parametrize(
    ("position", "rows", "columns"),
    [((3, 3), (2, 6), (2, 6)), ((0, 0), (0, 2), (0, 2)), ((7, 0), (6, 8), (0, 2)), ((7, 7), (6, 8), (6, 8))],
)
def test_a_shifted_window_does_not_see_across_the_border(position, rows, columns):
    seen = _seen(*_attention((8, 8, 4), shifted=True), position=position)
    expected = np.zeros((8, 8), bool)
    expected[slice(*rows), slice(*columns)] = True
    np.testing.assert_array_equal(seen, expected)


def test_a_single_window_is_not_shifted():
    module, variables, x = _attention((4, 3, 4), shifted=True)
    still = WindowAttention(LAYERS, heads=2, window=4, shifted=False)
    np.testing.assert_allclose(module.apply(variables, x), still.apply(variables, x), atol=1e-6)


def test_the_bias_is_looked_up_by_offset():
    module, variables, x = _attention((3, 3, 4), window=3)
    params = variables["params"] | {"qkv": jax.tree.map(jnp.zeros_like, variables["params"]["qkv"])}
    values = jnp.eye(4)
    params["qkv"]["kernel"] = params["qkv"]["kernel"].at[:, 8:].set(values)
    params["proj"] = {"kernel": values, "bias": jnp.zeros(4)}
    for head, offset in ((0, (1, -2)), (1, (0, 2))):
        table = jnp.full((5, 5, 2), -1e9).at[2, 2].set(0.0).at[offset[0] + 2, offset[1] + 2, head].set(50.0)
        y = module.apply({"params": params | {"relative_positions": table.reshape(25, 2)}}, x)
        channels = slice(2 * head, 2 * head + 2)
        for row, column in np.ndindex(3, 3):
            source = row - offset[0], column - offset[1]
            source = source if all(0 <= place < 3 for place in source) else (row, column)
            np.testing.assert_allclose(y[0, row, column, channels], x[0, *source, channels], atol=1e-5)


def test_merging_halves_the_plane_rounded_up_and_pads_with_zeros():
    module = PatchMerging(Layers(norm="none", placement="pre").bind(train=False))
    x = jnp.ones((1, 3, 4, 2))
    variables = module.init(jax.random.key(0), x)
    assert module.apply(variables, x).shape == (1, 2, 2, 4)
    kernel = variables["params"]["reduction"]["kernel"]
    order = kernel.reshape(2, 2, 2, 4)  # columns, rows, channels
    np.testing.assert_allclose(module.apply(variables, x)[0, 1, 0], order[:, 0].sum(axis=(0, 1)), rtol=1e-5)


def test_weights_fit_any_image_and_tables_another_window():
    model = dv.create_model("swin_t", 10, overrides={"stage_sizes": (1, 2), "width": 8, "head_width": 4, "patch": 2})
    shapes = [jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, *size, 3))) for size in ((28, 28), (30, 17))]
    assert shapes[0] == shapes[1]
    table = np.zeros((169, 2), np.float32)
    assert model.resized("layer1_0/attn/relative_positions", table, (49, 2)).shape == (49, 2)
    assert model.resized("head/dense/kernel", table, (1, 1)) is None
