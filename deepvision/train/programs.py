"""The compiled programs of an experiment; they serve any seeds and numbers, so that many runs can share them."""

from __future__ import annotations

import functools

from deepvision.errors import UserError
from deepvision.tasks.metrics import Metrics
from deepvision.tasks.task import Batch
from deepvision.train import parallel
from deepvision.train.evaluate import Evaluator, make_initialize
from deepvision.train.experiment import Experiment
from deepvision.train.state import TrainState
from deepvision.train.step import TrainStep, make_train_step
from deepvision.types import Key


class Programs:
    """What initializes, trains and evaluates the replicas of an experiment.

    Args:
        experiment: of which they are made.
        replicas: how many are trained at a time; with `together`, any number above one is meant.
        together: whether these are one program, or take turns in one for a single replica.
        why: the reason for that, for result.json.
    """

    def __init__(self, experiment: Experiment, replicas: int, together: bool, why: str) -> None:
        self.together, self.why, self.for_one = together or replicas == 1, why, replicas == 1
        where = experiment.config.parallel
        self.devices = parallel.pick_devices(where.devices, experiment.train.batch_size, where.mode)
        _check_parts(experiment, len(self.devices))
        self.resident = self.devices.replicate(experiment.train.resident)
        self.initialize = make_initialize(experiment, self.devices)
        self.train = parallel.compile_train(
            make_step(experiment), experiment.train, self.devices, replicas, self.together
        )
        self.evaluate = Evaluator(experiment, self.devices, replicas, self.together)


def _check_parts(experiment: Experiment, devices: int) -> None:
    """Makes sure that what a device has of a batch can be cut into `optimizer.accumulate` equal parts."""
    parts, examples = experiment.config.optimizer.accumulate, experiment.train.batch_size // devices
    if parts < 1 or examples % parts:
        raise UserError(f"optimizer.accumulate = {parts} does not divide the {examples} examples of a device")


def make_step(experiment: Experiment) -> TrainStep:
    """Returns the training step, which is made anew of the numbers in the state whenever it is traced."""
    config, averaging = experiment.config, experiment.averaging
    share = averaging and functools.partial(
        averaging.share, steps_per_epoch=experiment.steps_per_epoch, total_steps=experiment.total_steps
    )

    def step(state: TrainState, batch: Batch, key: Key) -> tuple[TrainState, Metrics]:
        parts = experiment.parts(state.numbers)
        made = make_train_step(
            parts.model,
            parts.task,
            parts.optimizer,
            experiment.penalties,
            experiment.projections,
            accumulate=config.optimizer.accumulate,
            average_share=share,
            restarts=averaging is not None and averaging.restarts,
            stoppable=config.train.early_stopping > 0,
            skips=config.train.non_finite == "skip",
        )
        return made(state, batch, key)

    return step
