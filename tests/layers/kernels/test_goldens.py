"""Values and gradients against torch's, in float32 and float64."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import numpy as np
import pytest

from deepvision.layers.conv import convolve
from deepvision.layers.kernels import KERNELS
from tests.layers.kernels.support import Reader, fresh
from tests.layers.norms.support import relative_error

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def arrays(case: str, dtype: str) -> dict[str, np.ndarray]:
    keys = [key for key in GOLDENS if key.startswith(f"{case}/")]
    assert keys
    return {key.removeprefix(f"{case}/"): GOLDENS[key].astype(dtype) for key in keys}


def ours(array: np.ndarray) -> np.ndarray:
    """Turns [out, in, h, w] into [h, w, in, out], and [out, in] into [in, out]."""
    return array.transpose(2, 3, 1, 0) if array.ndim == 4 else array.T


def images(array: np.ndarray) -> np.ndarray:
    return array.transpose(0, 2, 3, 1)


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize(("case", "per"), [("conv_dim0", "output"), ("conv_dim1", "input"), ("conv_none", "kernel")])
def test_weight_norm_equals_torch(case: str, per: str, dtype: str) -> None:
    golden = arrays(f"weight_norm/{case}", dtype)
    v, x, cotangent = ours(golden["v"]), images(golden["x"]), images(golden["g"])
    reader = Reader(KERNELS["weight_norm"](per=per), v.shape)

    def forward(params: Any, x: jax.Array) -> Any:
        kernel = reader.apply({"params": params})
        return convolve(x, kernel, (1, 1), (0, 0)), kernel

    with jax.enable_x64(dtype == "float64"):
        params = {"kernel": v, "kernel_gain": golden["gain"].squeeze()}
        y, pull, w = jax.vjp(forward, params, x, has_aux=True)
        d_params, d_x = pull(jax.numpy.asarray(cotangent))
    assert relative_error(y, images(golden["y"])) < TOLERANCE[dtype]
    assert relative_error(w, ours(golden["w"])) < TOLERANCE[dtype]
    assert relative_error(d_x, images(golden["d_x"])) < TOLERANCE[dtype]
    assert relative_error(d_params["kernel"], ours(golden["d_v"])) < TOLERANCE[dtype]
    assert relative_error(d_params["kernel_gain"], golden["d_gain"].squeeze()) < TOLERANCE[dtype]


def test_weight_norm_starts_as_torch_does() -> None:
    golden = arrays("weight_norm/init_from_linear", "float32")
    entry = KERNELS["weight_norm"]()
    made = fresh(entry, ours(golden["weight"]))
    assert relative_error(made["params"]["kernel"], ours(golden["v0"])) == 0
    assert relative_error(made["params"]["kernel_gain"], golden["g0"][:, 0]) < 1e-6
    assert relative_error(Reader(entry, (5, 7)).apply(made), ours(golden["w"])) < 1e-6


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", ["linear_it1", "linear_it50", "conv_it1", "conv_it50"])
def test_spectral_norm_equals_torch(case: str, dtype: str) -> None:
    golden = arrays(f"spectral_norm/{case}", dtype)
    v = ours(golden["w"])
    reader = Reader(KERNELS["spectral_norm"](iterations=int(case.split("_it")[1])), v.shape)
    order = np.arange(golden["v"].size)  # torch's rows are [in, h, w], ours [h, w, in]
    if v.ndim == 4:
        order = order.reshape(v.shape[2], *v.shape[:2]).transpose(1, 2, 0).reshape(-1)

    def forward(kernel: jax.Array) -> Any:
        vectors = {"kernel_singular": (golden["u0"], np.zeros_like(golden["v"]))}
        variables = {"params": {"kernel": kernel}, "batch_stats": vectors}
        return reader.apply(variables, train=True, mutable=["batch_stats"])

    with jax.enable_x64(dtype == "float64"):
        y, pull, updates = jax.vjp(forward, jax.numpy.asarray(v), has_aux=True)
        (d_v,) = pull(jax.numpy.asarray(ours(golden["g"])))
        left, right = updates["batch_stats"]["kernel_singular"]
    assert relative_error(y, ours(golden["y"])) < TOLERANCE[dtype]
    assert relative_error(left, golden["u"]) < TOLERANCE[dtype]
    assert relative_error(right, golden["v"][order]) < TOLERANCE[dtype]
    assert relative_error(d_v, ours(golden["d_w"])) < TOLERANCE[dtype]
    assert relative_error(np.linalg.norm(v) / np.linalg.norm(np.asarray(y)), golden["sigma"]) < TOLERANCE[dtype]


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_weight_standardization_equals_torch(dtype: str) -> None:
    golden = arrays("weight_standardization/conv", dtype)
    reader = Reader(KERNELS["weight_standardization"](), ours(golden["w"]).shape)
    with jax.enable_x64(dtype == "float64"):
        params = {"kernel": ours(golden["w"]), "kernel_gain": golden["gain"].squeeze()}
        y, pull = jax.vjp(lambda params: reader.apply({"params": params}), params)
        (d_params,) = pull(jax.numpy.asarray(ours(golden["g"])))
    assert relative_error(y, ours(golden["y"])) < TOLERANCE[dtype]
    assert relative_error(d_params["kernel"], ours(golden["d_w"])) < TOLERANCE[dtype]
    assert relative_error(d_params["kernel_gain"], golden["d_gain"].squeeze()) < TOLERANCE[dtype]
