"""Scores of cells: the warping error of drawings whose topology is known, and how scores add up."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import ndimage

from deepvision import ops
from deepvision.tasks.metrics import Mean, OnHost
from deepvision.tasks.segmentation.metrics import cell_scores, rand_score
from deepvision.tasks.segmentation.warping import _simple_codes, warping_error
from deepvision.train import metrics as metrics_lib
from deepvision.types import IGNORE


def drawing(*rows: str) -> np.ndarray:
    return np.array([[letter == "#" for letter in row] for row in rows])


TWO = drawing("#####.#####", "#####.#####", "#####.#####", "#####.#####")


def test_a_border_elsewhere_is_no_error():
    assert warping_error(np.roll(TWO, 1, axis=1), TWO) == 0
    assert warping_error(TWO, TWO) == 0


@pytest.mark.parametrize(
    ("found", "pixels"),
    [
        (drawing("#####.#####", "###########", "#####.#####", "#####.#####"), 1),  # a bridge merges two cells
        (drawing("###########", "###########", "###########", "###########"), 4),  # one cell: the whole border is lost
        (drawing("#####.#####", "#####.#.###", "#####.#####", "#####.#####"), 1),  # a hole
        (drawing("##.##.#####", "##.##.#####", "##.##.#####", "##.##.#####"), 1),  # the last pixel splits a cell
        (drawing("#####.#####", "#####..####", "#####.#####", "#####.#####"), 0),  # a dent
    ],
)
def test_errors_of_topology_are_counted_in_pixels(found: np.ndarray, pixels: int):
    assert warping_error(found, TWO) * TWO.size == pytest.approx(pixels)


def test_a_cell_that_nobody_found_costs_its_last_pixel():
    """Warping shrinks it as far as it stays one."""
    cell = np.zeros((9, 9), bool)
    cell[2:7, 3:6] = True
    assert warping_error(np.zeros_like(cell), cell) * cell.size == pytest.approx(1)


def test_simple_pixels_leave_the_numbers_of_cells_and_of_holes():
    """By counting, in a window with a margin: the components of the cells and, by corners, of the rest."""
    around = [(row, column) for row in range(3) for column in range(3) if (row, column) != (1, 1)]
    for code, simple in enumerate(_simple_codes()):
        window = np.zeros((3, 3), bool)
        for bit, place in enumerate(around):
            window[place] = code >> bit & 1
        counts = []
        for value in (False, True):
            window[1, 1] = value
            corners = ndimage.label(~np.pad(window, 1), np.ones((3, 3)))[1]
            counts.append((ndimage.label(window)[1], corners))
        assert not simple or counts[0] == counts[1]
    assert sum(_simple_codes()) == 116


def test_scores_are_of_the_second_class_and_leave_out_what_is_ignored():
    labels = TWO.astype(np.uint8)
    found, true = labels.copy(), labels.copy()
    found[1, 5] = 1  # the bridge
    assert cell_scores(found, true)["rand_score"] == rand_score(found == 1, TWO).score < 1
    assert cell_scores(found, true)["warping_error"] == pytest.approx(1 / 44)
    found, true = labels.copy(), labels.copy()
    true[:, 9:] = IGNORE
    assert cell_scores(found, true) == {"rand_score": 1.0, "warping_error": 0.0}


def _share(values: np.ndarray) -> dict[str, float]:
    return {"share": float(values.mean())}


def test_what_the_host_measures_adds_up_over_devices_batches_and_replicas():
    values = np.random.default_rng(0).random((2, 3, 4))  # devices, examples, pixels
    weight = np.array([[1.0, 1.0, 1.0], [1.0, 1.0, 0.0]])

    def of_one(values: jax.Array, weight: jax.Array) -> dict:
        sums = {"first": Mean(jnp.sum(values[:, 0] * weight), jnp.sum(weight))}
        return metrics_lib.sum_over_devices({**sums, "shares": OnHost((values,), weight, _share)})

    metrics = jax.vmap(of_one, axis_name=ops.BATCH_AXIS)(values, weight)
    metrics = jax.tree.map(lambda x: x[0], metrics)
    kept = values.reshape(6, 4)[:5]
    found = metrics_lib.total([metrics, metrics])
    assert found["share"] == pytest.approx(kept.mean()) and found["first"] == pytest.approx(kept[:, 0].mean())
    replicas = jax.tree.map(lambda x: np.stack([x, 0.5 * x]), metrics["shares"])
    several = OnHost(replicas.arrays, np.stack([metrics["shares"].weight] * 2), _share)
    np.testing.assert_allclose(metrics_lib.total([{"shares": several}])["share"], [kept.mean(), kept.mean() / 2])
