"""Evaluation: every example exactly once, whatever the batch size and the number of devices."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from flax.traverse_util import flatten_dict

from deepvision.errors import UserError
from deepvision.train import metrics as metrics_lib
from deepvision.train import parallel
from deepvision.train.checkpoint import SEEDS, Checkpoint, fitting, read_newest, seed_folder
from deepvision.train.experiment import Experiment
from deepvision.train.progress import Progress
from deepvision.train.state import TrainState, init_state
from deepvision.train.step import make_ensemble_step, make_eval_step
from deepvision.types import Array


class Evaluator:
    """The compiled evaluation of an experiment's network on its evaluation split.

    Args:
        experiment: whose network, task and data.
        devices: to spread the examples over.
        replicas: how many there are.
        together: whether they are evaluated in one program, or in turn.
        ensemble: evaluate the mean prediction of all replicas, in place of each replica's own.
    """

    def __init__(
        self,
        experiment: Experiment,
        devices: parallel.Devices,
        replicas: int,
        together: bool,
        ensemble: bool = False,
    ) -> None:
        self._pipeline, self._devices = experiment.evaluation, devices
        if self._pipeline.batch_size % len(devices):
            raise UserError(
                f"data.eval_batch_size = {self._pipeline.batch_size} does not divide over {len(devices)} devices"
            )
        self._resident = devices.replicate(self._pipeline.resident)
        model, task, views = experiment.model, experiment.task, experiment.views
        if ensemble:
            self._step = parallel.compile_ensemble(make_ensemble_step(model, task, views), self._pipeline, devices)
        else:
            step = make_eval_step(model, task, experiment.config.train.monte_carlo, views)
            self._step = parallel.compile_eval(step, self._pipeline, devices, replicas, together)

    def __call__(self, variables: Any, before_each: Callable[[], None] = lambda: None) -> dict[str, np.ndarray]:
        """Returns the metrics, [r] each or of the ensemble, of `variables` whose leaves have an axis [r] in front.

        `before_each` is called before every batch, and may end the evaluation with an exception.
        """
        batches = []
        for feed in self._pipeline.evaluation(parallel.part()):
            before_each()
            batches.append(self._step(variables, self._resident, self._devices.feed(feed, axis=0)))
            jax.block_until_ready(batches[: -parallel.AHEAD])
        return metrics_lib.total(batches)


Initialize = Callable[[Array, Array, Any, dict[str, Array]], TrainState]


def make_initialize(experiment: Experiment, devices: parallel.Devices | None = None) -> Initialize:
    """Returns the compiled `(seeds [r], images [r, n, h, w, c], pretrained, numbers [r]) -> states [r]`.

    The states are made where those of `devices` lie; None: all on one.
    """

    def one(seed: Array, images: Array, pretrained: Any, numbers: dict[str, Array]) -> TrainState:
        optimizer, average = experiment.parts(numbers).optimizer, experiment.averaging is not None
        return init_state(seed, experiment.model, optimizer, images, average, pretrained, numbers)

    compile_once = devices.compile_once if devices else parallel.compile_once
    return compile_once(jax.vmap(one, in_axes=(0, 0, None, 0)))


def initial(experiment: Experiment, initialize: Initialize | None = None) -> Checkpoint:
    """Returns the checkpoint before the first step; `initialize` is that of an experiment of the same structure."""
    config = experiment.config.train
    states = (initialize or make_initialize(experiment))(
        jnp.asarray(experiment.seeds, jnp.uint32),
        _first_images(experiment),
        dict(experiment.pretrained),
        {field: jnp.asarray(values, float) for field, values in experiment.numbers.items()},
    )
    # Where memory does not suffice, this says so; a transfer to the host would wait for ever.
    jax.block_until_ready(states)
    # A copy: the state is donated to the first step, and what is kept must not go with it.
    best = jax.tree.map(lambda x: x.copy(), states.evaluated) if config.keep_best else None
    return Checkpoint(states, best, Progress.new(config.best_metric or experiment.task.headline, len(experiment.seeds)))


def _first_images(experiment: Experiment) -> jax.Array:
    """Returns what the network is initialized on, [r, n, h, w, c]: zeros where only their shape counts."""
    pipeline, task, seeds = experiment.train, experiment.task, experiment.seeds
    if not experiment.model.layers.kernel().data_dependent:
        return jnp.zeros((len(seeds), 1, *task.input_shape(pipeline.image_shape)))
    places = jnp.arange(pipeline.batch_size)
    feeds = [next(pipeline.feed(seed, 0)) for seed in seeds]
    batches = [pipeline.assemble(pipeline.resident, feed, None, places) for feed in feeds]
    return jnp.stack([task.prepare(batch, jax.random.key(0), train=True)[0] for batch in batches])


def evaluate(experiment: Experiment, workdir: Path, which: str = "last") -> list[dict[str, Any]]:
    """Evaluates the weights that a run has saved.

    Args:
        experiment: as it was trained.
        workdir: its run folder.
        which: "last" or "best".

    Returns:
        One dict of metrics per seed, with the seed and the step of the checkpoint; of several seeds, one more for the
        mean prediction of all, whose seed is "ensemble".

    Raises:
        UserError: there is no checkpoint, or `which` was not kept.
    """
    weights, steps, devices = _saved(experiment, Path(workdir), which)
    with fitting(Path(workdir)):
        metrics = _own_evaluator(experiment, devices)(weights)
    rows = [_row(seed, steps[r], {k: v[r] for k, v in metrics.items()}) for r, seed in enumerate(experiment.seeds)]
    return rows + ([evaluate_ensemble(experiment, workdir, which)] if len(rows) > 1 else [])


def evaluate_ensemble(
    experiment: Experiment, workdir: Path, which: str = "last", evaluator: Evaluator | None = None
) -> dict[str, Any]:
    """Evaluates the mean prediction of the seeds that a run has saved; arguments and errors as of `evaluate`.

    `evaluator` is that of an experiment of the same structure and as many seeds, `ensemble_evaluator`.
    """
    weights, steps, _ = _saved(experiment, Path(workdir), which)
    return _row("ensemble", max(steps), (evaluator or ensemble_evaluator(experiment))(weights))


def ensemble_evaluator(experiment: Experiment) -> Evaluator:
    """Returns the compiled evaluation of the mean prediction of an experiment's replicas."""
    return Evaluator(experiment, _devices(experiment), len(experiment.seeds), together=True, ensemble=True)


def _devices(experiment: Experiment) -> parallel.Devices:
    where = experiment.config.parallel
    return parallel.pick_devices(where.devices, experiment.evaluation.batch_size, where.mode)


def _saved(experiment: Experiment, workdir: Path, which: str) -> tuple[Any, list[int], parallel.Devices]:
    """Returns the variables [r] that a run has saved, the step of each, and the devices they are on."""
    weights, steps = [], []
    for folder in _folders(experiment, workdir):
        saved = read_newest(folder / "checkpoints")
        if saved is None:
            raise UserError(f"no checkpoint in {folder / 'checkpoints'}; train first, or name another --workdir")
        if which == "best" and not saved.best:
            raise UserError(f"{workdir} kept no best weights (train.keep_best = False); evaluate the last")
        weights.append(saved.best if which == "best" else saved.last)
        steps += [of_one["step"] if which == "best" else saved.step for of_one in saved.progress.best]
    devices = _devices(experiment)
    weights = jax.tree.map(lambda *leaves: np.concatenate(leaves), *weights)
    found = {len(leaf) for leaf in jax.tree.leaves(weights)}
    if found != {len(experiment.seeds)}:
        raise UserError(f"{workdir} reports {len(experiment.seeds)} seeds, its checkpoint holds {sorted(found)}")
    return devices.place(weights), steps, devices


def _folders(experiment: Experiment, workdir: Path) -> list[Path]:
    """Returns where checkpoints lie: of an arm of an ablation, every seed has its own."""
    several = (workdir / SEEDS).is_dir()
    return [seed_folder(workdir, seed) for seed in experiment.seeds] if several else [workdir]


def _own_evaluator(experiment: Experiment, devices: parallel.Devices) -> Evaluator:
    together = parallel.run_together(experiment.config.parallel.replicas)
    return Evaluator(experiment, devices, len(experiment.seeds), together)


def starting_variables(experiment: Experiment) -> Any:
    """Returns the variables [r] that an experiment starts from.

    Raises:
        UserError: they are not all from elsewhere: the source has no classifier for these classes.
    """
    variables = initial(experiment).state.evaluated
    missing = {path for path in flatten_dict(variables) if path not in experiment.pretrained}
    if missing:
        names = ", ".join(sorted("/".join(path[1:]) for path in missing))
        outputs = experiment.model.num_classes
        raise UserError(f"the weights hold nothing for {names}: their classifier is not one of {outputs} classes")
    return variables


def evaluate_initial(experiment: Experiment) -> dict[str, Any]:
    """Evaluates the weights that an experiment starts from; errors are those of `starting_variables`."""
    variables = starting_variables(experiment)
    devices = _devices(experiment)
    metrics = _own_evaluator(experiment, devices)(devices.place(variables))
    return {name: float(value[0]) for name, value in metrics.items()}


def _row(seed: int | str, step: int, metrics: dict[str, Any]) -> dict[str, Any]:
    return {"seed": seed, "step": step, **{name: float(value) for name, value in metrics.items()}}
