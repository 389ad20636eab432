"""The order of the data: permutations, one per epoch, as a pure function of seed and position."""

from __future__ import annotations

import numpy as np
import pytest

from deepvision.data.order import order


@pytest.mark.parametrize("num_examples", [1, 2, 7, 100, 1438])
@pytest.mark.parametrize("seed", [0, 3, -1, 2**64 - 1])
def test_every_epoch_is_a_permutation(num_examples, seed):
    epochs = order(seed, np.arange(3 * num_examples), num_examples).reshape(3, num_examples)
    for epoch in epochs:
        assert np.array_equal(np.sort(epoch), np.arange(num_examples))


@pytest.mark.parametrize("batch_size", [1, 3, 8, 64])
@pytest.mark.parametrize("num_examples", [1, 10, 37])
def test_batches_join_to_the_endless_order_wherever_they_begin(num_examples, batch_size):
    steps = 12
    whole = order(5, np.arange(steps * batch_size), num_examples)
    for step in reversed(range(steps)):  # what came before must not matter
        positions = step * batch_size + np.arange(batch_size)
        assert np.array_equal(order(5, positions, num_examples), whole[positions])


def test_seeds_and_epochs_differ():
    one, other = (order(seed, np.arange(2000), 1000).reshape(2, 1000) for seed in (0, 1))
    # Two random permutations agree in one place on average, whatever their length.
    assert (one == other).sum() < 15
    assert (one[0] == one[1]).sum() < 10


def test_the_order_of_a_seed_never_changes():
    # A run begun with one version of this library or of NumPy goes on with another.
    assert order(0, np.arange(12), 12).tolist() == [0, 2, 11, 9, 1, 8, 5, 4, 3, 10, 6, 7]


def test_late_positions_are_exact():
    assert order(0, np.array([2**40 * 10 + 3]), 10) == order(0, np.array([2**40 * 10 + 3, 2**40 * 10 + 4]), 10)[0]
    late = order(0, 2**40 * 10 + np.arange(10), 10)
    assert sorted(late.tolist()) == list(range(10))


def test_the_order_is_uniform():
    # Over 4,000 epochs each example stands in each place 1,000 times: chi square of 16 cells, 9 degrees of freedom.
    epochs = np.stack([order(seed, np.arange(4), 4) for seed in range(4000)])
    counts = np.array([[np.sum(epochs[:, place] == example) for place in range(4)] for example in range(4)])
    assert np.sum((counts - 1000) ** 2 / 1000) < 27.9  # exceeded once in 1,000
