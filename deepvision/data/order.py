"""The order in which training visits the examples: a pure function of the seed and the position."""

from __future__ import annotations

import functools

import numpy as np


def order(seed: int, position: np.ndarray, num_examples: int) -> np.ndarray:
    """Returns which example stands at each position of the endless order.

    The order is the concatenation of one random permutation of the split per epoch: position p is place p mod N of the
    permutation of epoch p div N. Nothing is dropped, and what follows a position does not depend on what came before,
    so that a run can be resumed anywhere.

    Args:
        seed: any integer.
        position: integers >= 0, of any shape.
        num_examples: N, of the split.

    Returns:
        int32 indices in [0, N), of the shape of `position`.
    """
    epochs, places = np.divmod(np.asarray(position, np.int64), num_examples)
    indices = np.empty(epochs.shape, np.int32)
    for epoch in np.unique(epochs).tolist():
        here = epochs == epoch
        indices[here] = _permutation(seed, epoch, num_examples)[places[here]]
    return indices


def turns(seed: int, index: np.ndarray, seen: np.ndarray, num_examples: int) -> np.ndarray:
    """Returns whether it is an example's turn: every other time it is seen, from the first or from the second on.

    Args:
        seed: any integer; it tosses a coin for every example.
        index: integers [...] in [0, N), the examples.
        seen: integers [...], how often each was seen before.
        num_examples: N.

    Returns:
        bool [...].
    """
    return (_coins(seed, num_examples)[index] + seen) % 2 == 1


@functools.lru_cache(maxsize=32)
def _coins(seed: int, num_examples: int) -> np.ndarray:
    words = np.random.Philox(key=np.array([seed % 2**64, 2**64 - 1], np.uint64)).random_raw(num_examples)
    return (words >> np.uint64(63)).astype(np.int64)


@functools.lru_cache(maxsize=32)  # enough for every seed of an ablation to have its own
def _permutation(seed: int, epoch: int, num_examples: int) -> np.ndarray:
    # The raw words of Philox are the same in every version of NumPy; the methods of Generator need not be (NEP 19).
    words = np.random.Philox(key=np.array([seed % 2**64, epoch], np.uint64)).random_raw(num_examples)
    return np.argsort(words, kind="stable").astype(np.int32)
