"""The warping error: what is wrong with cells apart from where exactly their borders run. On the host."""

from __future__ import annotations

import functools

import numpy as np

_AROUND = ((-1, -1), (-1, 0), (-1, 1), (0, -1), (0, 1), (1, -1), (1, 0), (1, 1))


def warping_error(found: np.ndarray, true: np.ndarray) -> float:
    """Returns the share of pixels in which the found labels differ from the true ones, warped to meet them.

    Warping flips simple pixels of the truth, those whose flip neither splits nor merges cells or holes, as long as one
    differs from the found labels. What is left are errors of topology. Pixels are visited row by row, and again as
    their neighbours change: the minimum over all orders, which defines the error, may be a little less.

    Args:
        found, true: bool [h, w], true inside of cells, which are connected by edges; what is between them is connected
            by corners too, and goes on beyond the image.

    Source: Jain et al. 2010, "Boundary learning by optimization with topological constraints".
    """
    height, width = true.shape
    stride = width + 2
    warped, target = (bytearray(np.pad(labels, 1).astype(np.uint8).tobytes()) for labels in (true, found))
    offsets = [(row * stride + column, 1 << bit) for bit, (row, column) in enumerate(_AROUND)]
    inside = np.pad(np.ones(true.shape, bool), 1).reshape(-1).tolist()
    simple = _simple_codes()
    waiting = np.flatnonzero(np.pad(found != true, 1)).tolist()[::-1]
    while waiting:
        place = waiting.pop()
        if warped[place] == target[place]:
            continue
        if simple[sum(bit for offset, bit in offsets if warped[place + offset])]:
            warped[place] = target[place]
            waiting += [place + offset for offset, _ in offsets if inside[place + offset]]
    return sum(a != b for a, b in zip(warped, target, strict=True)) / (height * width)


@functools.cache
def _simple_codes() -> list[bool]:
    """Returns for every set of neighbours in cells, coded in bits as in `_AROUND`, whether the pixel is simple.

    It is if the neighbours in cells that touch its edges are connected by edges in its 3x3 window, and so are, by
    corners, those outside of cells; of either there is at least one.
    """
    from scipy import ndimage  # slow to import

    edges, corners = ndimage.generate_binary_structure(2, 1), ndimage.generate_binary_structure(2, 2)
    around_edges = edges.copy()
    around_edges[1, 1] = False
    codes = []
    for code in range(256):
        window = np.zeros((3, 3), bool)
        for bit, (row, column) in enumerate(_AROUND):
            window[1 + row, 1 + column] = code >> bit & 1
        outside = ~window
        outside[1, 1] = False
        cells, _ = ndimage.label(window, edges)
        touching = set(cells[around_edges].tolist()) - {0}
        codes.append(len(touching) == 1 and ndimage.label(outside, corners)[1] == 1)
    return codes
