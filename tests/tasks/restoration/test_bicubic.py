"""Bicubic resizing: bit-equal to MATLAB's, and the same on the device."""

from __future__ import annotations

import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.tasks.restoration.bicubic import imresize, resize

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")


@pytest.mark.parametrize("scale", [2, 3, 4])
def test_equals_matlab_to_the_bit(scale: int):
    """The goldens are corners of larger images: what the cut can reach is left out, the true borders are not."""
    large, small, up = (GOLDENS[f"imresize/x{scale}/{name}"] for name in ("hr", "lr", "up"))
    inner = np.s_[:-3, :-3]
    np.testing.assert_array_equal(imresize(large, 1 / scale)[inner], small[inner])
    inner = np.s_[: -3 * scale, : -3 * scale]
    np.testing.assert_array_equal(imresize(small, scale)[inner], up[inner])


@pytest.mark.parametrize(("scale", "size"), [(0.5, None), (1 / 3, None), (3, None), (2.5, (31, 52))])
def test_the_device_computes_what_the_host_does(scale: float, size: tuple[int, int] | None):
    with jax.enable_x64(True):
        image = np.random.default_rng(0).random((13, 22, 3))
        on_host = imresize(image, scale, size)
        assert on_host.shape == (*(size or np.ceil(np.array([13, 22]) * scale).astype(int)), 3)
        np.testing.assert_allclose(
            jax.jit(resize, static_argnums=(1, 2))(jnp.asarray(image), scale, size), on_host, atol=1e-12
        )


@pytest.mark.parametrize("scale", [0.25, 1, 3])
def test_lines_stay_lines(scale: float):
    """The kernel reproduces polynomials of the first degree, away from the borders."""
    image = np.arange(40.0)[:, None, None] + np.zeros((1, 40, 1))
    found = imresize(image, scale)[:, 0, 0]
    expected = (np.arange(len(found)) + 0.5) / scale - 0.5
    inner = slice(3 * len(found) // 10, 7 * len(found) // 10)
    np.testing.assert_allclose(found[inner], expected[inner], atol=1e-9)


def test_the_same_size_is_the_same_image():
    image = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)
    np.testing.assert_array_equal(imresize(image, 1.0), image)
