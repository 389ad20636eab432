"""Metrics that add up: pairs of a sum and a count, and what is made of them at the end.

The sums of several devices, batches and parts of a batch are added, entry by entry; then `value` is taken once. Arrays
may have axes of replicas in front.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable
from typing import NamedTuple

import jax
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


@functools.partial(jax.tree_util.register_dataclass, data_fields=("arrays", "weight"), meta_fields=("measure",))
@dataclasses.dataclass(frozen=True)
class OnHost:
    """What only the host can measure, one example after another.

    Those of several devices are put side by side; then `counted` takes their place.

    Attributes:
        arrays: [..., n, ...] each.
        weight: [..., n], of the examples; those of weight 0 are not measured.
        measure: from the arrays of one example to values by name.
    """

    arrays: tuple[Array, ...]
    weight: Array
    measure: Callable[..., dict[str, float]]

    def counted(self) -> dict[str, Mean]:
        """Returns the sums of the values over the examples, and those of the weights."""
        weight, sums = np.asarray(self.weight, np.float64), {}
        arrays = [np.asarray(array) for array in self.arrays]
        for place in np.argwhere(weight > 0):
            place = tuple(place)
            for name, value in self.measure(*(array[place] for array in arrays)).items():
                sums.setdefault(name, np.zeros(weight.shape))[place] = value * weight[place]
        return {name: Mean(values.sum(axis=-1), weight.sum(axis=-1)) for name, values in sums.items()}


Metric = Mean | Bins | MeanOverClasses | OnHost
Metrics = dict[str, Metric]
