"""Reports: which replicas are reported in which run folder."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

import numpy as np

from deepvision.train.experiment import Experiment
from deepvision.train.run_folder import RunFolder


@dataclasses.dataclass(frozen=True)
class Share:
    """The replicas that are reported in one run folder."""

    folder: RunFolder
    replicas: tuple[int, ...]


class Reports:
    """The run folders of an experiment, each with its share of the replicas."""

    def __init__(self, experiment: Experiment, shares: Sequence[Share]) -> None:
        self._experiment, self._shares = experiment, shares

    def rewind(self, step: int) -> None:
        """Removes what was reported after a step."""
        for share in self._shares:
            share.folder.rewind(step)

    def log(self, step: int, split: str, metrics: dict[str, np.ndarray], active: np.ndarray) -> None:
        """Writes the metrics [r] of the active replicas [r]."""
        epoch = step / self._experiment.steps_per_epoch
        for share in self._shares:
            rows = [r for r in share.replicas if active[r]]
            seeds = tuple(self._experiment.seeds[r] for r in rows)
            share.folder.log(step, epoch, split, seeds, {name: value[rows] for name, value in metrics.items()})

    def log_timing(self, step: int, steps: int, seconds: float) -> float:
        """Writes how long so many steps took; returns the images per second of all replicas."""
        rate = steps * self._experiment.train.batch_size * len(self._experiment.seeds) / seconds
        for share in self._shares if steps else ():
            share.folder.log_timing(step, rate, seconds)
        return rate
