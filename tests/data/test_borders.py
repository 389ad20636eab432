"""The weight of borders against equation 2 written out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from deepvision.data.borders import border_weight


def test_equals_the_equation_with_the_distance_to_every_cell():
    rng = np.random.default_rng(0)
    cells = ndimage.gaussian_filter(rng.standard_normal((90, 70)), 4) > 0.05
    numbered, count = ndimage.label(cells)
    assert count > 5
    distances = np.stack([ndimage.distance_transform_edt(numbered != cell) for cell in range(1, count + 1)])
    nearest, second = np.sort(distances, axis=0)[:2]
    expected = np.where(cells, 1, 1 + 10 * np.exp(-((nearest + second) ** 2) / (2 * 5**2)))
    np.testing.assert_allclose(border_weight(cells), expected, atol=1e-6)


def test_only_what_lies_between_cells_is_heavy():
    cells = np.zeros((40, 60), bool)
    assert np.all(border_weight(cells) == 1)
    cells[10:30, 5:20] = True
    assert np.all(border_weight(cells) == 1), "one cell alone touches none"
    cells[10:30, 22:40] = True
    weight = border_weight(cells)
    assert np.unravel_index(weight.argmax(), weight.shape)[1] in (20, 21) and weight.max() > 8
    assert weight[0, 59] < 1.01 and np.all(weight[cells] == 1)
