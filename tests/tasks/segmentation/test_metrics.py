"""Counts of pixels against reference values, however the images are cut; the Rand score against pairs of pixels."""

from __future__ import annotations

import pathlib

import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from deepvision.tasks.metrics import Bins, Mean, MeanOverClasses
from deepvision.tasks.segmentation.metrics import confusion, rand_score

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
TRUE, FOUND = (jnp.asarray(GOLDENS[f"segmentation/metrics/{name}"]) for name in ("gt", "pred"))


def test_the_confusion_matrix_is_that_of_the_reference():
    np.testing.assert_array_equal(confusion(TRUE, FOUND, jnp.ones(2), 4), GOLDENS["segmentation/metrics/cm"])


def test_it_adds_up_over_images_and_leaves_out_those_of_no_weight():
    parts = [confusion(TRUE, FOUND, jnp.asarray(weight), 4) for weight in ([1.0, 0.0], [0.0, 1.0])]
    np.testing.assert_array_equal(sum(parts), confusion(TRUE, FOUND, jnp.ones(2), 4))


def test_the_mean_over_classes_leaves_out_those_that_do_not_occur():
    matrix = np.zeros((5, 5))
    matrix[:4, :4] = GOLDENS["segmentation/metrics/cm"]
    hits, either = np.diag(matrix), matrix.sum(0) + matrix.sum(1) - np.diag(matrix)
    assert MeanOverClasses(hits, either).value() == pytest.approx(float(GOLDENS["segmentation/metrics/miou"]))
    replicas = MeanOverClasses(np.stack([hits, 0 * hits]), np.stack([either, either])).value()
    np.testing.assert_allclose(replicas, [GOLDENS["segmentation/metrics/miou"], 0])
    assert MeanOverClasses(np.zeros(3), np.zeros(3)).value() == 0


def test_means_and_bins():
    np.testing.assert_allclose(Mean(np.array([1.0, 6.0]), np.array([2.0, 4.0])).value(), [0.5, 1.5])
    np.testing.assert_allclose(Bins(np.array([[1.0, -2.0], [3.0, 0.0]]), np.array([6.0, 3.0])).value(), [0.5, 1.0])


def cells(seed: int, level: float = 0.0) -> np.ndarray:
    return ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal((14, 15)), 1.0) > level


def test_the_rand_score_counts_pairs_of_pixels():
    """Of the pairs of pixels within true cells, itself included: those together in both, in one, in the other."""
    found, true = cells(0), cells(1)
    (numbers, count), (others, _) = ndimage.label(found), ndimage.label(true)
    outside = numbers == 0
    numbers[outside] = count + 1 + np.arange(outside.sum())  # each a segment of its own
    a, b = numbers[true], others[true]
    in_found, in_true = a[:, None] == a, b[:, None] == b
    both = np.sum(in_found & in_true)
    result = rand_score(found, true)
    assert result.split == pytest.approx(both / in_true.sum())
    assert result.merge == pytest.approx(both / in_found.sum())
    assert result.score == pytest.approx(2 * both / (in_found.sum() + in_true.sum()))


def test_the_rand_score_tells_merging_from_splitting():
    true = np.ones((20, 41), bool)
    true[:, 20] = False
    assert rand_score(true, true) == (1, 1, 1)
    merged = rand_score(np.ones_like(true), true)
    assert merged.split == 1 and merged.merge == pytest.approx(0.5)
    cut = true.copy()
    cut[10] = False
    split = rand_score(cut, true)
    assert split.split < 0.55 and split.merge > 0.9
    assert rand_score(true, np.zeros_like(true)).score == 1
