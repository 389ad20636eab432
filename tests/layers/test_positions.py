"""Positions: what the fixed ones are, and that learned ones keep what they mean on another grid."""

from __future__ import annotations

import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.positions import offsets, resize_positions, resize_relative_positions, sincos2d, square

RNG = np.random.default_rng(0)


def test_fixed_positions_are_their_formula():
    positions = sincos2d((3, 5), 8)
    assert positions.shape == (1, 15, 8)
    y, x = 2, 4
    frequencies = np.array([1.0, 1e-4])
    expected = [np.sin(x * frequencies), np.cos(x * frequencies), np.sin(y * frequencies), np.cos(y * frequencies)]
    np.testing.assert_allclose(positions[0, 5 * y + x], np.concatenate(expected))


def test_the_product_of_two_fixed_positions_depends_on_their_offset_alone():
    plane = sincos2d((6, 6), 16).reshape(6, 6, 16)
    products = [plane[y, x] @ plane[y + 2, x + 1] for y in range(4) for x in range(5)]
    np.testing.assert_allclose(products, products[0])


@pytest.mark.parametrize("channels", [4, 10])
def test_fixed_positions_need_channels_in_fours(channels):
    with pytest.raises(UserError, match="change the width"):
        sincos2d((2, 2), channels)


def test_positions_of_the_same_grid_stay():
    positions, table = RNG.standard_normal((1, 13, 4)), RNG.standard_normal((25, 2))
    np.testing.assert_array_equal(resize_positions(positions, 1, (3, 4), (3, 4)), positions.astype(np.float32))
    np.testing.assert_array_equal(resize_relative_positions(table, (3, 3), (3, 3)), table.astype(np.float32))


def _ramp(grid):
    """Returns the centers of patches in an image of side one, (y, x) per patch."""
    centers = [(np.arange(size) + 0.5) / size for size in grid]
    return np.stack(np.meshgrid(*centers, indexing="ij"), axis=-1).reshape(1, -1, 2)


def test_ramps_stay_linear_inside_and_tokens_in_front_stay():
    front = RNG.standard_normal((1, 2, 2))
    resized = resize_positions(np.concatenate([front, _ramp((8, 8))], axis=1), 2, (8, 8), (16, 12))
    np.testing.assert_array_equal(resized[:, :2], front.astype(np.float32))
    inside = np.s_[4:-4, 3:-3]
    plane, expected = (array.reshape(16, 12, 2)[inside] for array in (resized[:, 2:], _ramp((16, 12))))
    np.testing.assert_allclose(plane, expected, atol=1e-6)


def test_a_checkerboard_that_shrinks_is_averaged_not_sampled():
    board = np.indices((16, 16)).sum(axis=0).reshape(1, -1, 1) % 2
    shrunk = np.reshape(resize_positions(board.astype(np.float32), 0, (16, 16), (4, 4)), (4, 4))
    np.testing.assert_allclose(shrunk[1:-1, 1:-1], 0.5, atol=1e-2)


def test_the_middle_of_a_relative_table_stays_the_middle():
    table = np.zeros((*offsets((4, 4)), 1))
    table[3, 3] = 1.0
    resized = np.reshape(resize_relative_positions(table.reshape(49, 1), (4, 4), (7, 7)), offsets((7, 7)))
    assert resized.max() == resized[6, 6]
    np.testing.assert_allclose(resized, resized[::-1, ::-1], atol=1e-6)


def test_squares():
    assert [square(count) for count in (-1, 0, 1, 9, 12, 196)] == [0, 0, 1, 3, 0, 14]
