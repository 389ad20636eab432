"""Metrics that add up: pairs of a sum and a count, and what is made of them at the end.

The sums of several devices, batches and parts of a batch are added, entry by entry; then `value` is taken once. Arrays
may have axes of replicas in front.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from deepvision.types import Array


class Mean(NamedTuple):
    """sum / count."""

    sum: Array
    count: Array

    def value(self) -> np.ndarray:
        return self.sum / self.count


class Bins(NamedTuple):
    """The sum over bins of |sum| / count: sum [..., bins], count [...]."""

    sum: Array
    count: Array

    def value(self) -> np.ndarray:
        return np.abs(self.sum).sum(axis=-1) / self.count


class MeanOverClasses(NamedTuple):
    """The mean of sum / count over the classes whose count is not 0: both [..., classes]; 0 where all are."""

    sum: Array
    count: Array

    def value(self) -> np.ndarray:
        counted = self.count > 0
        ratios = np.where(counted, self.sum / np.where(counted, self.count, 1), 0)
        return ratios.sum(axis=-1) / np.maximum(counted.sum(axis=-1), 1)


Metric = Mean | Bins | MeanOverClasses
Metrics = dict[str, Metric]
