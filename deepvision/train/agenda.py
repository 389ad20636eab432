"""At which steps something is due: logging, evaluation, a checkpoint; and how many steps go into one dispatch."""

from __future__ import annotations

import math

from deepvision.errors import UserError
from deepvision.train import parallel
from deepvision.train.experiment import Experiment

_RANGES = {
    "log_every_steps": (1, math.inf),
    "scan_steps": (0, math.inf),
    "keep_checkpoints": (1, math.inf),
    "monte_carlo": (0, 1000),  # each is a part of the program
}


class Agenda:
    """The steps of an experiment at which something happens: multiples of the intervals, and the last."""

    def __init__(self, experiment: Experiment) -> None:
        config = experiment.config.train
        self.total = experiment.total_steps
        self.eval_every = experiment.steps_between(config.eval_every_epochs)
        self.save_every = config.checkpoint_every_steps or self.eval_every
        self.log_every = config.log_every_steps
        self.scan_steps = config.scan_steps or parallel.default_scan_steps()
        for field, (least, most) in _RANGES.items():
            if not least <= config[field] <= most:
                valid = f"at least {least}" if most == math.inf else f"{least} to {most:,}"
                raise UserError(f"train.{field} must be {valid}, got {config[field]}")

    def next_event(self, step: int) -> int:
        """Returns the first step after `step` at which anything is due."""
        intervals = (self.log_every, self.eval_every, self.save_every)
        return min(self.total, *((step // every + 1) * every for every in intervals))

    def evaluates(self, step: int) -> bool:
        return step % self.eval_every == 0 or step == self.total

    def saves(self, step: int) -> bool:
        return step % self.save_every == 0 or step == self.total
