"""How well labels of pixels agree with the true ones: counts that add up exactly, and scores of segments (host)."""

from __future__ import annotations

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np

from deepvision.tasks.segmentation.warping import warping_error
from deepvision.types import IGNORE, Array


def confusion(labels: Array, predicted: Array, weight: Array, classes: int) -> Array:
    """Returns how many pixels of class i are predicted as class j, int32 [classes, classes].

    Args:
        labels: int [n, h, w]; those that are `IGNORE` do not count.
        predicted: int [n, h, w].
        weight: of the images, [n]; those of weight 0 do not count.
        classes: how many there are.
    """
    counts = (labels != IGNORE) & (weight > 0)[:, None, None]
    places = jnp.where(counts, labels * classes + predicted, classes * classes)  # the last is thrown away
    return jnp.bincount(places.reshape(-1), length=classes * classes + 1)[:-1].reshape(classes, classes)


def cell_scores(found: np.ndarray, true: np.ndarray) -> dict[str, float]:
    """Returns how well cells, the pixels of class 1 of labels int [h, w], are told apart; `IGNORE` is in none."""
    found, true = (found == 1) & (true != IGNORE), true == 1
    return {"rand_score": rand_score(found, true).score, "warping_error": warping_error(found, true)}


class Agreement(NamedTuple):
    """How two segmentations agree: of pairs of pixels of one segment in the one, how many are so in the other.

    Attributes:
        score: harmonic mean of the two.
        split: of pairs in a true segment; small where segments are split.
        merge: of pairs in a found segment; small where segments are merged.
    """

    score: float
    split: float
    merge: float


def rand_score(found: np.ndarray, true: np.ndarray) -> Agreement:
    """Returns the foreground-restricted Rand score V of two segmentations into cells.

    With p_ij the share of pixels in cell i of the found and j of the true segmentation, s_i = sum_j p_ij and
    t_j = sum_i p_ij: split = sum p_ij^2 / sum t_j^2, merge = sum p_ij^2 / sum s_i^2, and their harmonic mean is the
    score. Pixels outside of the true cells do not count; pixels inside of them, but outside of the found ones, are
    segments of one pixel each.

    Args:
        found, true: bool [h, w], true inside of cells; cells are their parts connected by edges.

    Source: Arganda-Carreras et al. 2015, "Crowdsourcing the creation of image segmentation algorithms for
        connectomics", equations 1 to 3.
    """
    from scipy import ndimage  # slow to import

    (found, cells), (true, others) = ndimage.label(found), ndimage.label(true)
    inside = true > 0
    pairs = np.bincount(found[inside] * (others + 1) + true[inside], minlength=(cells + 1) * (others + 1))
    pairs = pairs.reshape(cells + 1, others + 1)[:, 1:].astype(np.float64)
    alone, pairs = pairs[0].sum(), pairs[1:]
    both = np.sum(pairs**2) + alone
    in_found = np.sum(pairs.sum(axis=1) ** 2) + alone
    in_true = np.sum(np.bincount(true[inside]).astype(np.float64) ** 2)
    if not inside.any():
        return Agreement(1.0, 1.0, 1.0)
    return Agreement(2 * both / (in_found + in_true), both / in_true, both / in_found)
