"""Values and gradients against torch, which computed goldens.npz in float64 from float32 inputs."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.layers.pooling import POOLINGS, Window

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
CASES = {
    "max_pool/k2_s2_p0_d1_ceil0": ("max", Window(2)),
    "max_pool/k3_s2_p1_d1_ceil0": ("max", Window(3, 2, padding=1)),
    "max_pool/k3_s2_p0_d1_ceil1": ("max", Window(3, 2, ceil=True)),
    "max_pool/k3_s2_p1_d1_ceil1": ("max", Window(3, 2, padding=1, ceil=True)),
    "max_pool/k2_s1_p0_d1_ceil0": ("max", Window(2, 1)),
    "max_pool/k3_s1_p1_d1_ceil0": ("max", Window(3, 1, padding=1)),
    "max_pool1d/k3_s2_p1": ("max", Window(3, 2, padding=1)),
    "avg_pool/k2_s2_p0_ceil0_inc1_divNone": ("avg", Window(2)),
    "avg_pool/k3_s2_p1_ceil0_inc1_divNone": ("avg", Window(3, 2, padding=1)),
    "avg_pool/k3_s2_p1_ceil0_inc0_divNone": ("avg(count_include_pad=False)", Window(3, 2, padding=1)),
    "avg_pool/k3_s2_p1_ceil1_inc1_divNone": ("avg", Window(3, 2, padding=1, ceil=True)),
    "avg_pool/k3_s2_p1_ceil1_inc0_divNone": ("avg(count_include_pad=False)", Window(3, 2, padding=1, ceil=True)),
    "avg_pool/k3_s2_p0_ceil1_inc1_divNone": ("avg", Window(3, 2, ceil=True)),
    "avg_pool/k5_s3_p0_ceil0_inc1_divNone": ("avg", Window(5, 3)),
    "avg_pool3d/k2": ("avg", Window(2)),
    "lp_pool/p2_k3_s2_ceil0": ("lp", Window(3, 2)),
    "lp_pool/p1.5_k2_s2_ceil0": ("lp(p=1.5)", Window(2)),
    "lp_pool/p3_k3_s2_ceil1": ("lp(p=3)", Window(3, 2, ceil=True)),
    "lp_pool/p1_k2_s2_ceil0": ("lp(p=1)", Window(2)),
    "blur_pool/k3_s2": ("blur", Window(1, 2)),
    "gem_pool/p3": ("generalized_mean", None),
}


def test_every_golden_is_used() -> None:
    assert {key.rsplit("/", 1)[0] for key in GOLDENS} == set(CASES)


def golden(case: str, name: str, dtype: type) -> np.ndarray:
    """Returns an array of a case, channels last."""
    return np.moveaxis(GOLDENS[f"{case}/{name}"].astype(dtype), 1, -1)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("case", CASES)
def test_value_and_gradient(case: str, dtype: type) -> None:
    choice, window = CASES[case]
    x, y, g, d_x = (golden(case, name, dtype) for name in ("x", "y", "g", "d_x"))
    rtol, atol = (1e-5, 1e-6) if dtype is np.float32 else (1e-10, 1e-12)
    with jax.enable_x64(dtype is np.float64):
        module = resolve(POOLINGS, choice, "pool")(window=window)
        variables = module.init(jax.random.key(0), jnp.asarray(x), train=False)
        actual, pull = jax.vjp(jax.jit(lambda x: module.apply(variables, x, train=False)), jnp.asarray(x))
        assert actual.dtype == dtype
        np.testing.assert_allclose(actual, y, rtol, atol)
        np.testing.assert_allclose(pull(jnp.asarray(g))[0], d_x, rtol, atol)
