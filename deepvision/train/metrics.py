"""Adding up metrics: exactly, over devices, batches and ragged ends."""

from __future__ import annotations

import functools
from collections.abc import Iterable

import jax
import numpy as np
from jax import lax

from deepvision import ops
from deepvision.tasks.metrics import Metrics, OnHost

NEWEST = "newest_"  # leads the names of what the weights reach, where an average of them is evaluated


def sum_over_devices(metrics: Metrics) -> Metrics:
    """Returns the metrics of the global batch, inside a map over devices; elsewhere, as they are."""
    if not ops.axis_bound(ops.BATCH_AXIS):
        return metrics
    side_by_side = functools.partial(lax.all_gather, axis_name=ops.BATCH_AXIS, tiled=True)
    on_host = {name: metric for name, metric in metrics.items() if isinstance(metric, OnHost)}
    sums = {name: metric for name, metric in metrics.items() if name not in on_host}
    return lax.psum(sums, ops.BATCH_AXIS) | jax.tree.map(side_by_side, on_host)


def added(sums: Metrics | None, metrics: Iterable[Metrics]) -> Metrics | None:
    """Returns sums and those of several batches, in double precision; None: nothing yet."""
    batches = list(metrics)
    # Says where memory did not suffice; a transfer to the host would wait for ever.
    jax.block_until_ready([leaf for leaf in jax.tree.leaves(batches) if isinstance(leaf, jax.Array)])
    summands = ([sums] if sums else []) + [_counted(batch) for batch in batches]
    if not summands:
        return sums
    # Leaf by leaf, since a loop adds up hundreds of batches while the device has nothing to do.
    leaves = zip(*map(jax.tree.leaves, summands), strict=True)
    totals = [functools.reduce(np.add, [np.asarray(x, np.float64) for x in of_one]) for of_one in leaves]
    return jax.tree.unflatten(jax.tree.structure(summands[0]), totals)


def values(sums: Metrics) -> dict[str, np.ndarray]:
    """Returns the value of each metric, not a number where nothing was counted."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return {name: metric.value() for name, metric in sums.items()}


def total(metrics: Iterable[Metrics]) -> dict[str, np.ndarray]:
    """Returns the value of each metric over several batches; arrays of replicas [r] stay apart."""
    return values(added(None, metrics) or {})


def _counted(metrics: Metrics) -> Metrics:
    """Returns metrics that add up."""
    sums = {name: metric for name, metric in metrics.items() if not isinstance(metric, OnHost)}
    for metric in metrics.values():
        sums |= metric.counted() if isinstance(metric, OnHost) else {}
    return sums
