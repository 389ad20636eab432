"""PSNR, SSIM and luma against scikit-image's and MATLAB's values, and what padding must not change."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.tasks.restoration import metrics

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def images(case: str, name: str) -> jax.Array:
    x = jnp.asarray(GOLDENS[f"{case}/{name}"] / 255)
    return x.reshape(1, *x.shape[:2], -1)


def everywhere(x: jax.Array) -> jax.Array:
    return jnp.ones(x.shape[:3], bool)


@pytest.mark.parametrize("case", ["gray", "color"])
def test_values_are_those_of_scikit_image(case: str):
    a, b = images(f"psnr/{case}", "a"), images(f"psnr/{case}", "b")
    np.testing.assert_allclose(metrics.psnr(a, b, everywhere(a)), GOLDENS[f"psnr/{case}/psnr"], rtol=1e-10)
    a, b = images(f"ssim/{case}", "a"), images(f"ssim/{case}", "b")
    np.testing.assert_allclose(metrics.ssim(a, b, everywhere(a)), GOLDENS[f"ssim/{case}/wang"], rtol=1e-10)


def test_single_precision_is_enough():
    a, b = (images("ssim/gray", name).astype(jnp.float32) for name in "ab")
    np.testing.assert_allclose(metrics.ssim(a, b, everywhere(a)), GOLDENS["ssim/gray/wang"], atol=1e-5)
    np.testing.assert_allclose(metrics.ssim(a, a, everywhere(a)), 1, atol=1e-6)


def test_luma_is_that_of_matlab():
    y = metrics.luma(images("rgb2y/matlab", "rgb"))
    np.testing.assert_allclose(255 * y[0, ..., 0], GOLDENS["rgb2y/matlab/y_float"], rtol=1e-12)
    np.testing.assert_array_equal(np.rint(255 * metrics.quantize(y)[0, ..., 0]), GOLDENS["rgb2y/matlab/y"])
    gray = images("ssim/gray", "a")
    np.testing.assert_array_equal(metrics.luma(gray), gray)


def test_quantize_rounds_halves_up_and_clips():
    found = 255 * metrics.quantize(jnp.asarray([-1.0, 0.5 / 255, 1.49 / 255, 2.5 / 255, 7.0]))
    np.testing.assert_allclose(found, [0, 1, 1, 3, 255], atol=1e-9)


@pytest.mark.parametrize("measure", [metrics.psnr, metrics.ssim])
def test_what_lies_outside_does_not_count(measure):
    """Images of several sizes in one padded batch have the values that they have alone, cropped."""
    rng, sizes = np.random.default_rng(0), np.array([[30, 41], [25, 44], [40, 50]])
    x, y = rng.random((3, 40, 50, 2)), rng.random((3, 40, 50, 2))
    measure = jax.jit(measure)
    found = measure(x, y, metrics.within(jnp.asarray(sizes), 40, 50, border=3))
    for i, (height, width) in enumerate(sizes):
        alone = (slice(i, i + 1), slice(3, height - 3), slice(3, width - 3))
        np.testing.assert_allclose(found[i], measure(x[alone], y[alone], everywhere(x[alone]))[0], rtol=1e-10)


def test_equal_images_have_a_finite_ratio():
    x = images("ssim/gray", "a")
    assert metrics.psnr(x, x, everywhere(x)) == pytest.approx(120)
