"""What is done about a loss that is not a finite number: `train.non_finite`.

stop       the replica ends there, and the others go on
skip       the update is not made; "skipped" in the metrics is the share of such updates
rollback   back to the newest checkpoint, the learning rate times `train.rollback_factor`; "rollbacks" counts them.
           The other replicas make the same steps again, to the bit. After `train.max_rollbacks` of them: stop
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Sequence

import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError, unknown
from deepvision.train.checkpoint import Checkpoint
from deepvision.train.experiment import Experiment
from deepvision.train.progress import Progress

WAYS = ("stop", "skip", "rollback")
_RATE = "optimizer.learning_rate"


class Diverged(UserError):
    """The loss of no replica is a finite number any more; `reasons` has one line for each."""

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


class Broken(Exception):
    """Some replicas have to go back."""

    def __init__(self, message: str, replicas: np.ndarray) -> None:
        super().__init__(message)
        self.replicas = replicas


class Remedy:
    """What `train.non_finite` of an experiment asks for between steps; `note` is told of what happens."""

    def __init__(self, experiment: Experiment, note: Callable[[str], None]) -> None:
        config = experiment.config.train
        if config.non_finite not in WAYS:
            raise unknown("train.non_finite", config.non_finite, WAYS)
        if not 0 < config.rollback_factor <= 1:
            raise UserError(f"train.rollback_factor must lie in (0, 1], got {config.rollback_factor}")
        self._rolls_back = config.non_finite == "rollback"
        self._factor, self._most = config.rollback_factor, config.max_rollbacks
        self._seeds, self._note = experiment.seeds, note

    def take_out(
        self,
        step: int,
        metrics: dict[str, np.ndarray],
        active: np.ndarray,
        progress: Progress,
        latest: int | None,
    ) -> None:
        """Writes down and notes which of the active replicas [r] have metrics [r] that are not finite.

        Args:
            step: that they are of.
            metrics, active, progress: of the run.
            latest: the step of the newest checkpoint.

        Raises:
            Broken: some may go back.
            Diverged: none is left.
        """
        self._send_back(step, metrics, active, progress)
        left = active.copy()
        for name, values in metrics.items():
            for replica in np.flatnonzero(left & ~np.isfinite(values)):
                left[replica], progress.failures[replica] = False, f"{name} is not finite at step {step}"
                self._note(f"seed {self._seeds[replica]}: {progress.failures[replica]}")
        if all(progress.failures):
            kept = "no checkpoint was written yet" if latest is None else f"the checkpoint of step {latest} is kept"
            raise Diverged(
                f"{progress.failures[0]} (seeds {list(self._seeds)}); {kept};"
                " lower optimizer.learning_rate or set optimizer.clip_norm",
                progress.failures,
            )

    def _send_back(self, step: int, metrics: dict[str, np.ndarray], active: np.ndarray, progress: Progress) -> None:
        finite = np.logical_and.reduce([np.isfinite(values) for values in metrics.values()])
        broken = np.flatnonzero(active & ~finite & (np.asarray(progress.rollbacks) < self._most))
        if self._rolls_back and broken.size:
            seeds = ", ".join(str(self._seeds[r]) for r in broken)
            raise Broken(f"seed {seeds}: not finite at step {step}", broken)

    def cured(self, checkpoint: Checkpoint, progress: Progress, replicas: np.ndarray) -> Checkpoint:
        """Returns a checkpoint in which the learning rate of some replicas is lower than what broke them.

        Args:
            checkpoint: to go back to.
            progress: of the run, which knows how often each replica went back.
            replicas: that have to.
        """
        before, now = np.asarray(checkpoint.progress.rollbacks), np.asarray(progress.rollbacks)
        now[replicas] += 1
        numbers, state = checkpoint.state.numbers, checkpoint.state
        rate = jnp.asarray(numbers[_RATE]) * self._factor ** (now - before)
        rate = rate.astype(numbers[_RATE].dtype)
        again = dataclasses.replace(checkpoint.progress, rollbacks=now.tolist())
        return dataclasses.replace(checkpoint, state=state.replace(numbers={**numbers, _RATE: rate}), progress=again)

    def counted(self, metrics: dict[str, np.ndarray], progress: Progress) -> dict[str, np.ndarray]:
        """Returns the metrics of training steps, with the number of rollbacks where there may be some."""
        return metrics | {"rollbacks": np.asarray(progress.rollbacks, float)} if self._rolls_back else metrics
