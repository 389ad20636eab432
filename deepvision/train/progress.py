"""What the loop remembers between evaluations: the best result of each replica, and for how long it has stood."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np

from deepvision.errors import unknown
from deepvision.tasks.metrics import Metrics
from deepvision.train import metrics as metrics_lib

_LESS_IS_BETTER = ("loss", "calibration_error", "warping_error")


@dataclasses.dataclass
class Progress:
    """One entry per replica.

    Attributes:
        metric: what is compared.
        best: metrics of the best evaluation, with its step; empty before the first.
        last: metrics of the last evaluation, with its step.
        waited: evaluations since the best.
        failures: why the replica diverged, or None.
        rollbacks: how often the replica went back to a checkpoint.
        evaluated: the step of the last evaluation, of all replicas.
        sums: metrics of the steps since the last report, as nested lists of the arrays that they are made of. JSON
            keeps every bit of a number, so that a report does not depend on an interruption before it.
    """

    metric: str
    best: list[dict[str, float]]
    last: list[dict[str, float]]
    waited: list[int]
    failures: list[str | None]
    rollbacks: list[int]
    evaluated: int = 0
    sums: list[Any] = dataclasses.field(default_factory=list)

    @classmethod
    def new(cls, metric: str, replicas: int) -> Progress:
        best, last = ([{} for _ in range(replicas)] for _ in range(2))
        return cls(metric, best, last, [0] * replicas, [None] * replicas, [0] * replicas)

    def of(self, replica: int) -> Progress:
        """Returns that of one replica."""
        several = (self.best, self.last, self.waited, self.failures, self.rollbacks)
        return Progress(self.metric, *([values[replica]] for values in several), self.evaluated)

    def update(self, step: int, metrics: dict[str, np.ndarray], stopped: np.ndarray) -> np.ndarray:
        """Takes an evaluation (metrics [r]) in; returns which replicas improved, [r]. Stopped ones stay as they are."""
        if self.metric not in metrics:
            raise unknown("train.best_metric", self.metric, metrics)
        self.evaluated, improved = step, np.zeros(len(self.best), bool)
        for replica in np.flatnonzero(~stopped):
            now = {"step": step, **{name: float(value[replica]) for name, value in metrics.items()}}
            improved[replica] = not self.best[replica] or self._better(now, self.best[replica])
            self.waited[replica] = 0 if improved[replica] else self.waited[replica] + 1
            self.last[replica] = now
            if improved[replica]:
                self.best[replica] = now
        return improved

    def add(self, outputs: Sequence[Metrics]) -> Metrics:
        """Takes in what some dispatches gave, metrics [k, r] of k steps; returns the sums since the last report."""
        if not outputs:
            return {}
        leaves, structure = [np.asarray(leaf) for leaf in self.sums], jax.tree.structure(outputs[0])
        before = jax.tree.unflatten(structure, leaves) if leaves else None
        sums = metrics_lib.added(before, (jax.tree.map(lambda x: x.sum(axis=0), output) for output in outputs))
        self.sums = [leaf.tolist() for leaf in jax.tree.leaves(sums)]
        return sums

    def _better(self, new: dict[str, float], old: dict[str, float]) -> bool:
        lower = self.metric.removeprefix(metrics_lib.NEWEST) in _LESS_IS_BETTER
        return new[self.metric] < old[self.metric] if lower else new[self.metric] > old[self.metric]

    def to_plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Progress:
        return cls(**plain)
