"""Metrics as (sum, count) pairs: they add up exactly over devices, batches and ragged ends."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import jax
import numpy as np
from jax import lax

from deepvision import ops
from deepvision.tasks.task import Metrics


def sum_over_devices(metrics: Metrics) -> Metrics:
    """Returns the metrics of the global batch, inside a map over devices; elsewhere, as they are."""
    return lax.psum(metrics, ops.BATCH_AXIS) if ops.axis_bound(ops.BATCH_AXIS) else metrics


def total(metrics: Iterable[Metrics]) -> dict[str, np.ndarray]:
    """Returns sum / count of each metric over several batches; arrays of replicas [r] stay apart.

    A metric whose sum has one axis more than its count is that of bins: the sum over them of |sum| / count.
    """
    sums: dict[str, Any] = {}
    for batch in metrics:
        host = jax.tree.map(lambda x: np.asarray(x, np.float64), batch)
        sums = jax.tree.map(np.add, sums, host) if sums else host
    return {
        name: _of_bins(value, count) if value.ndim > count.ndim else value / count
        for name, (value, count) in sums.items()
    }


def _of_bins(value: np.ndarray, count: np.ndarray) -> np.ndarray:
    return np.abs(value).sum(axis=-1) / count
