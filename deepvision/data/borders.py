"""The weight of pixels between cells that touch, from the U-Net paper. On the host."""

from __future__ import annotations

import math

import numpy as np


def border_weight(cells: np.ndarray, strength: float = 10.0, width: float = 5.0) -> np.ndarray:
    """Returns the weight of each pixel, float32 [h, w].

    w(x) = 1 + strength exp(-(d_1(x) + d_2(x))^2 / (2 width^2)) outside of the cells, 1 inside: d_1 and d_2 are the
    distances to the nearest and to the second nearest cell. The paper's weight of classes is a matter of the loss.

    Args:
        cells: bool [h, w], true inside of cells; cells are its parts connected by edges.
        strength: w_0.
        width: sigma, in pixels. What is farther than 6 widths from a cell is not weighted for it, where it would be by
            less than 2e-8 of the strength.

    Source: Ronneberger et al. 2015 (1505.04597), equation 2: w_0 = 10, sigma = 5.
    """
    from scipy import ndimage  # slow to import

    numbered, _ = ndimage.label(cells)
    first, second = (np.full(cells.shape, np.inf) for _ in range(2))
    reach = math.ceil(6 * width)
    for number, box in enumerate(ndimage.find_objects(numbered), start=1):
        near = tuple(slice(max(side.start - reach, 0), side.stop + reach) for side in box)
        distance = ndimage.distance_transform_edt(numbered[near] != number)
        closest, other = first[near], second[near]
        second[near] = np.minimum(other, np.maximum(closest, distance))
        first[near] = np.minimum(closest, distance)
    between = np.exp(-0.5 * ((first + second) / width) ** 2)
    return np.where(cells, 1, 1 + strength * between).astype(np.float32)
