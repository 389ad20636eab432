"""Evaluation: every example exactly once, whatever the batch size and the number of devices."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from deepvision.errors import UserError
from deepvision.train import metrics as metrics_lib
from deepvision.train import parallel
from deepvision.train.checkpoint import Checkpoint, Checkpoints
from deepvision.train.experiment import Experiment
from deepvision.train.progress import Progress
from deepvision.train.state import init_states
from deepvision.train.step import make_eval_step


class Evaluator:
    """The compiled evaluation of an experiment's network on its evaluation split."""

    def __init__(self, experiment: Experiment, devices: Sequence[jax.Device]) -> None:
        self._pipeline, self._devices = experiment.evaluation, list(devices)
        if self._pipeline.batch_size % len(self._devices):
            raise UserError(
                f"data.eval_batch_size = {self._pipeline.batch_size} does not divide over {len(self._devices)} devices"
            )
        self._resident = parallel.replicate(self._pipeline.resident, devices)
        step = make_eval_step(experiment.model, experiment.task)
        together = parallel.run_together(experiment.config.parallel.replicas)
        self._step = parallel.compile_eval(step, self._pipeline, devices, len(experiment.seeds), together)

    def __call__(self, variables: Any) -> dict[str, np.ndarray]:
        """Returns the metrics of every replica, [r] each, of `variables` whose leaves have that axis in front."""
        feeds = (parallel.split_over_devices(feed, len(self._devices), axis=0) for feed in self._pipeline.evaluation())
        return metrics_lib.total([self._step(variables, self._resident, feed) for feed in feeds])


def initial(experiment: Experiment) -> Checkpoint:
    """Returns the checkpoint before the first step."""
    config = experiment.config.train
    states = init_states(
        experiment.seeds,
        experiment.model,
        experiment.optimizer,
        experiment.train.image_shape,
        average=config.ema_decay > 0,
    )
    # A copy: the state is donated to the first step, and what is kept must not go with it.
    best = jax.tree.map(lambda x: x.copy(), states.evaluated) if config.keep_best else None
    return Checkpoint(states, best, Progress.new(config.best_metric, len(experiment.seeds)))


def evaluate(experiment: Experiment, workdir: Path, which: str = "last") -> list[dict[str, float]]:
    """Evaluates the weights that a run has saved.

    Args:
        experiment: as it was trained.
        workdir: its run folder.
        which: "last" or "best".

    Returns:
        One dict of metrics per seed, with the seed and the step of the checkpoint.

    Raises:
        UserError: there is no checkpoint, or `which` was not kept.
    """
    folder = Path(workdir) / "checkpoints"
    checkpoints = Checkpoints(folder, keep=None) if folder.is_dir() else None
    if checkpoints is None or checkpoints.latest is None:
        raise UserError(f"no checkpoint in {folder}; train first, or name another --workdir")
    step = checkpoints.latest
    checkpoint = checkpoints.restore(step, initial(experiment))
    checkpoints.close()
    if which == "best" and checkpoint.best is None:
        raise UserError(f"{workdir} kept no best weights (train.keep_best = False); evaluate the last")
    variables = checkpoint.best if which == "best" else checkpoint.state.evaluated
    devices = parallel.pick_devices(experiment.config.parallel.devices, experiment.evaluation.batch_size)
    metrics = Evaluator(experiment, devices)(parallel.replicate(variables, devices))
    steps = [best["step"] if which == "best" else step for best in checkpoint.progress.best]
    return [
        {"seed": seed, "step": steps[replica], **{name: float(value[replica]) for name, value in metrics.items()}}
        for replica, seed in enumerate(experiment.seeds)
    ]
