"""What the loop remembers between evaluations: the best result of each replica, and for how long it has stood."""

from __future__ import annotations

import dataclasses
from typing import Any

import numpy as np

from deepvision.errors import unknown

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
    """

    metric: str
    best: list[dict[str, float]]
    last: list[dict[str, float]]
    waited: list[int]
    failures: list[str | None]

    @classmethod
    def new(cls, metric: str, replicas: int) -> Progress:
        best, last = ([{} for _ in range(replicas)] for _ in range(2))
        return cls(metric, best, last, [0] * replicas, [None] * replicas)

    def of(self, replica: int) -> Progress:
        """Returns that of one replica."""
        several = (self.best, self.last, self.waited, self.failures)
        return Progress(self.metric, *([values[replica]] for values in several))

    def update(self, step: int, metrics: dict[str, np.ndarray], stopped: np.ndarray) -> np.ndarray:
        """Takes an evaluation (metrics [r]) in; returns which replicas improved, [r]. Stopped ones stay as they are."""
        if self.metric not in metrics:
            raise unknown("train.best_metric", self.metric, metrics)
        improved = np.zeros(len(self.best), bool)
        for replica in np.flatnonzero(~stopped):
            now = {"step": step, **{name: float(value[replica]) for name, value in metrics.items()}}
            improved[replica] = not self.best[replica] or self._better(now, self.best[replica])
            self.waited[replica] = 0 if improved[replica] else self.waited[replica] + 1
            self.last[replica] = now
            if improved[replica]:
                self.best[replica] = now
        return improved

    def _better(self, new: dict[str, float], old: dict[str, float]) -> bool:
        lower = self.metric in _LESS_IS_BETTER
        return new[self.metric] < old[self.metric] if lower else new[self.metric] > old[self.metric]

    def to_plain(self) -> dict[str, Any]:
        return dataclasses.asdict(self)

    @classmethod
    def from_plain(cls, plain: dict[str, Any]) -> Progress:
        return cls(**plain)
