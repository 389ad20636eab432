"""At which steps something is due: logging, evaluation, a checkpoint; and how many steps go into one dispatch."""

from __future__ import annotations

import math
from collections import Counter

from deepvision.errors import UserError
from deepvision.train import parallel
from deepvision.train.experiment import Experiment

_RANGES = {
    "log_every_steps": (1, math.inf),
    "scan_steps": (0, math.inf),
    "keep_checkpoints": (1, math.inf),
    "monte_carlo": (0, 1000),  # each is a part of the program
}


_LOOKED_THROUGH = 1000  # distances between events that a dispatch is fitted to


class Agenda:
    """The steps of an experiment at which something happens: multiples of the intervals, and the last."""

    def __init__(self, experiment: Experiment) -> None:
        config = experiment.config.train
        self.total = experiment.total_steps
        self.eval_every = experiment.steps_between(config.eval_every_epochs)
        self.save_every = config.checkpoint_every_steps or self.eval_every
        self.log_every = config.log_every_steps
        for field, (least, most) in _RANGES.items():
            if not least <= config[field] <= most:
                valid = f"at least {least}" if most == math.inf else f"{least} to {most:,}"
                raise UserError(f"train.{field} must be {valid}, got {config[field]}")
        self.scan_steps = config.scan_steps or self._fewest_dispatches(parallel.most_scan_steps())

    def next_event(self, step: int) -> int:
        """Returns the first step after `step` at which anything is due."""
        intervals = (self.log_every, self.eval_every, self.save_every)
        return min(self.total, *((step // every + 1) * every for every in intervals))

    def dispatch(self, step: int) -> int:
        """Returns how many updates the dispatch makes that begins at `step`: `scan_steps`, or one if more are too many.

        So there are two programs to compile, however the intervals divide one another.
        """
        return self.scan_steps if self.next_event(step) - step >= self.scan_steps else 1

    def _fewest_dispatches(self, most: int) -> int:
        """Returns how many updates, at most so many, a dispatch should make for there to be the fewest dispatches."""
        gaps, step = Counter(), 0
        while step < self.total and gaps.total() < _LOOKED_THROUGH:
            gaps[self.next_event(step) - step] += 1
            step = self.next_event(step)
        return min(range(most, 0, -1), key=lambda size: sum(n * sum(divmod(gap, size)) for gap, n in gaps.items()))

    def evaluates(self, step: int) -> bool:
        return step % self.eval_every == 0 or step == self.total

    def saves(self, step: int) -> bool:
        return step % self.save_every == 0 or step == self.total
