"""Adding up metrics: exactly, over devices, batches and ragged ends."""

from __future__ import annotations

from collections.abc import Iterable

import jax
import numpy as np
from jax import lax

from deepvision import ops
from deepvision.tasks.metrics import Metrics

NEWEST = "newest_"  # leads the names of what the weights reach, where an average of them is evaluated


def sum_over_devices(metrics: Metrics) -> Metrics:
    """Returns the metrics of the global batch, inside a map over devices; elsewhere, as they are."""
    return lax.psum(metrics, ops.BATCH_AXIS) if ops.axis_bound(ops.BATCH_AXIS) else metrics


def added(sums: Metrics | None, metrics: Iterable[Metrics]) -> Metrics | None:
    """Returns sums and those of several batches, in double precision; None: nothing yet."""
    for batch in metrics:
        jax.block_until_ready(batch)  # says where memory did not suffice; a transfer to the host would wait for ever
        host = jax.tree.map(lambda x: np.asarray(x, np.float64), batch)
        sums = jax.tree.map(np.add, sums, host) if sums else host
    return sums


def values(sums: Metrics) -> dict[str, np.ndarray]:
    """Returns the value of each metric, not a number where nothing was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: metric.value() for name, metric in sums.items()}


def total(metrics: Iterable[Metrics]) -> dict[str, np.ndarray]:
    """Returns the value of each metric over several batches; arrays of replicas [r] stay apart."""
    return values(added(None, metrics) or {})
