"""Convolutions, transposed convolutions and dense layers against torch's, in value and gradient."""

from __future__ import annotations

import pathlib
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.layers.layers import Layers
from deepvision.layers.linear import Linear
from tests.layers.norms.support import relative_error

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}
CONVOLUTIONS = {
    "basic": dict(features=6, kernel=3),
    "stride2": dict(features=6, kernel=3, stride=2),
    "k7s2p3": dict(features=4, kernel=7, stride=2),
    "grouped2": dict(features=6, kernel=3, groups=2),
    "grouped4": dict(features=8, kernel=3, stride=2, groups=4),
    "depthwise": dict(features=8, kernel=3, groups=8),
    "depthwise_mult2": dict(features=16, kernel=5, stride=2, groups=8),
    "dilated2": dict(features=6, kernel=3, dilation=2),
    "dilated3_valid": dict(features=5, kernel=3, dilation=3, padding=0),
    "pointwise": dict(features=12, kernel=1),
    "pointwise_s2": dict(features=12, kernel=1, stride=2),
    "asym": dict(features=5, kernel=(1, 7), stride=(2, 1)),
}
TRANSPOSED = {
    "k2s2": dict(features=6),
    "k4s2p1": dict(features=6, kernel=4, padding=1),
    "k3s2p1op1": dict(features=6, kernel=3, padding=1, output_padding=1),
    "k3s1": dict(features=6, kernel=3, stride=1, padding=1),
    "k9s3p4op2": dict(features=2, kernel=9, stride=3, padding=4, output_padding=2),
    "grouped": dict(features=8, kernel=4, padding=1, groups=4),
    "dilated": dict(features=4, kernel=3, padding=2, output_padding=1, dilation=2),
}
L = Layers(norm="none").bind(train=False)


def images(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1)


def kernel(array: np.ndarray) -> np.ndarray:
    """Turns [out, in, h, w] into [h, w, in, out]."""
    return array.transpose(2, 3, 1, 0)


def transposed_kernel(array: np.ndarray, groups: int) -> np.ndarray:
    """Turns [in, out / groups, h, w] into [h, w, in / groups, out]."""
    inputs, outputs, *size = array.shape
    split = array.reshape(groups, inputs // groups, outputs, *size)
    return split.transpose(3, 4, 1, 0, 2).reshape(*size, inputs // groups, groups * outputs)


def check(case: str, dtype: str, layer: Linear, of_x: Callable, of_w: Callable) -> None:
    """Compares output and gradients with the case's, whose activations and kernels the two functions turn into ours."""
    turn = {"x": of_x, "y": of_x, "g": of_x, "d_x": of_x, "w": of_w, "d_w": of_w, "b": np.asarray, "d_b": np.asarray}
    golden = {key: function(GOLDENS[f"{case}/{key}"]).astype(dtype) for key, function in turn.items()}
    with jax.enable_x64(dtype == "float64"):
        params = {"kernel": golden["w"], "bias": golden["b"]}
        y, pull = jax.vjp(lambda params, x: layer.apply({"params": params}, x), params, golden["x"])
        d_params, d_x = pull(jnp.asarray(golden["g"]))
    for key, value in {"y": y, "d_x": d_x, "d_w": d_params["kernel"], "d_b": d_params["bias"]}.items():
        assert value.dtype == dtype
        assert relative_error(value, golden[key]) < TOLERANCE[dtype], key


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CONVOLUTIONS)
def test_conv_equals_torch(case: str, dtype: str) -> None:
    check(f"conv2d/{case}", dtype, L.conv(**CONVOLUTIONS[case], name="conv"), images, kernel)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", TRANSPOSED)
def test_conv_transpose_equals_torch(case: str, dtype: str) -> None:
    groups = TRANSPOSED[case].get("groups", 1)
    layer = L.conv_transpose(**TRANSPOSED[case], name="conv")
    check(f"conv_transpose2d/{case}", dtype, layer, images, lambda w: transposed_kernel(w, groups))


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_dense_equals_torch(dtype: str) -> None:
    check("linear/basic", dtype, L.dense(5, name="dense"), np.asarray, np.transpose)


def test_every_golden_is_used() -> None:
    cases = {key.rsplit("/", 1)[0] for key in GOLDENS}
    assert cases == {
        *(f"conv2d/{case}" for case in CONVOLUTIONS),
        *(f"conv_transpose2d/{case}" for case in TRANSPOSED),
        "linear/basic",
    }
