"""Normalization: exact statistics, and the published scales."""

from __future__ import annotations

import numpy as np
import pytest

from deepvision.data import normalize
from deepvision.data.normalize import Normalization, measure, normalization
from deepvision.errors import UserError

IMAGES = np.random.default_rng(0).integers(0, 256, (2300, 4, 3, 3), np.uint8)
IMAGES[..., 2] //= 3


def test_the_measured_set_has_mean_0_and_deviation_1():
    normalized = np.asarray(measure(IMAGES.__getitem__, len(IMAGES))(IMAGES), np.float64)
    np.testing.assert_allclose(normalized.mean(axis=(0, 1, 2)), 0, atol=1e-6)
    np.testing.assert_allclose(normalized.std(axis=(0, 1, 2)), 1, atol=1e-6)


def test_a_constant_channel_becomes_0():
    constant = np.full((5, 2, 2, 1), 77, np.uint8)
    assert (np.asarray(measure(constant.__getitem__, 5)(constant)) == 0).all()


def test_a_large_set_is_sampled_evenly(monkeypatch):
    monkeypatch.setattr(normalize, "SAMPLE_PIXELS", 12 * 23)  # 23 images of 4x3
    seen = []
    measured = measure(lambda indices: seen.extend(indices.tolist()) or IMAGES[indices], len(IMAGES))
    assert seen[1:] == list(range(0, 2300, 100))
    np.testing.assert_allclose(measured.mean, IMAGES[::100].mean(axis=(0, 1, 2)) / 255)


@pytest.mark.parametrize(
    ("name", "black", "white"),
    [
        ("unit", [0, 0, 0], [1, 1, 1]),
        ("symmetric", [-1, -1, -1], [1, 1, 1]),
        ("imagenet", [-2.117904, -2.035714, -1.804444], [2.248908, 2.428571, 2.64]),  # as torchvision gives them
    ],
)
def test_fixed_scales(name, black, white):
    extremes = np.stack([np.zeros((1, 1, 3), np.uint8), np.full((1, 1, 3), 255, np.uint8)])
    result = np.asarray(normalization(name, IMAGES.__getitem__, len(IMAGES))(extremes))
    np.testing.assert_allclose(result[:, 0, 0], [black, white], atol=1e-6)


def test_float32_result():
    assert Normalization((0.5,), (0.5,))(IMAGES[:2]).dtype == np.float32


def test_bad_names_and_channels_are_refused():
    with pytest.raises(UserError, match="did you mean 'imagenet'"):
        normalization("imagenett", IMAGES.__getitem__, len(IMAGES))
    with pytest.raises(UserError, match="data.channels"):
        normalization("imagenet", IMAGES[..., :1].__getitem__, len(IMAGES))
