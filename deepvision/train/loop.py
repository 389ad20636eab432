"""The loop: feeds the compiled step, evaluates, saves, resumes. It decides when; what happens is elsewhere."""

from __future__ import annotations

import functools
import itertools
import statistics
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.tasks.task import Batch, Metrics
from deepvision.train import metrics as metrics_lib
from deepvision.train import parallel
from deepvision.train.checkpoint import Checkpoint, Checkpoints
from deepvision.train.display import Display, Silent
from deepvision.train.evaluate import Evaluator, initial
from deepvision.train.experiment import Experiment
from deepvision.train.run_folder import RunFolder
from deepvision.train.state import TrainState
from deepvision.train.step import TrainStep, make_train_step
from deepvision.types import Key


class Diverged(UserError):
    """The loss is not a finite number any more."""


def fit(experiment: Experiment, workdir: Path, display: Display | None = None) -> dict[str, Any]:
    """Trains all replicas together, from the newest checkpoint in `workdir` if there is one, to the end.

    Returns:
        The content of result.json; at once if the run was done already.

    Raises:
        Diverged: a loss is not finite; the last checkpoint before it is kept.
        UserError: the folder cannot be written, or holds another run.
    """
    folder = RunFolder(workdir, experiment.config)
    return folder.result or _Loop(experiment, folder, display or Silent()).run()


class _Loop:
    """One call of `fit`.

    Everything happens at steps that are multiples of the intervals to log, evaluate and save, whether the run was
    interrupted or not: so what is reported is the same.
    """

    def __init__(self, experiment: Experiment, folder: RunFolder, display: Display) -> None:
        self.started = time.perf_counter()
        self.experiment, self.folder, self.display = experiment, folder, display
        self.schedule = _Schedule(experiment)
        self.devices = parallel.pick_devices(experiment.config.parallel.devices, experiment.train.batch_size)
        self.resident = parallel.replicate(experiment.train.resident, self.devices)
        self.train = parallel.compile_train(
            _train_step(experiment),
            experiment.train,
            self.devices,
            len(experiment.seeds),
            parallel.run_together(experiment.config.parallel.replicas),
        )
        self.evaluate = Evaluator(experiment, self.devices)
        self.checkpoints = Checkpoints(folder.path / "checkpoints", experiment.config.train.keep_checkpoints)
        self.seconds_to_first_step: float | None = None

    def run(self) -> dict[str, Any]:
        step = self._resume()
        self.display.start(self.experiment.name, self.experiment.total_steps)
        feeds = self._feeds(step)
        try:
            while step < self.experiment.total_steps and not np.all(self.state.stopped):
                until = self.schedule.next_event(step)
                self._train(step, until, feeds)
                step = until
                if self.schedule.evaluates(step):
                    self._evaluate(step)
                if self.schedule.saves(step) or np.all(self.state.stopped):
                    self._save(step)
        finally:
            self.checkpoints.close()
            self.display.finish()
        result = self._result(step)
        self.folder.finish(result)
        return result

    def _resume(self) -> int:
        """Takes the state of the newest checkpoint, or the initial one; returns its step."""
        checkpoint, step = initial(self.experiment), self.checkpoints.latest
        if step is not None:
            checkpoint = self.checkpoints.restore(step, checkpoint)
            self.display.note(f"resuming from step {step}")
        self.folder.rewind(step or 0)
        self.state = parallel.replicate(checkpoint.state, self.devices)
        self.best = parallel.replicate(checkpoint.best, self.devices)
        self.progress = checkpoint.progress
        return step or 0

    def _feeds(self, step: int) -> Iterator[parallel.Feed]:
        """Yields what one step of all replicas is fed, leaves [r, n]."""
        streams = [self.experiment.train.feed(seed, step) for seed in self.experiment.seeds]
        return (_stack(parts) for parts in zip(*streams, strict=True))

    def _train(self, step: int, until: int, feeds: Iterator[parallel.Feed]) -> None:
        """Makes the updates from `step` to `until`, and reports on them."""
        started, outputs, compiled = time.perf_counter(), [], 0
        for first in range(step, until, self.schedule.scan_steps):
            feed = _stack(itertools.islice(feeds, min(self.schedule.scan_steps, until - first)))
            feed = parallel.split_over_devices(feed, len(self.devices), axis=2)
            self.state, metrics = self.train(self.state, self.resident, feed)
            outputs.append(metrics)
            if self.seconds_to_first_step is None:
                jax.block_until_ready(metrics)
                self.seconds_to_first_step = time.perf_counter() - self.started
                started, compiled = time.perf_counter(), min(self.schedule.scan_steps, until - first)
        outputs = jax.device_get(outputs)
        self._report(until, outputs, until - step - compiled, time.perf_counter() - started)

    def _report(self, step: int, outputs: list[Metrics], timed_steps: int, seconds: float) -> None:
        metrics = metrics_lib.total(jax.tree.map(lambda x: x.sum(axis=0), output) for output in outputs)
        self._check_finite(step, metrics)
        images_per_second = timed_steps * self.experiment.train.batch_size * len(self.experiment.seeds) / seconds
        self._log(step, "train", metrics)
        if timed_steps:
            self.folder.log_timing(step, images_per_second, seconds)
        self.display.step(step, _means(metrics), images_per_second)

    def _check_finite(self, step: int, metrics: dict[str, np.ndarray]) -> None:
        for name, values in metrics.items():
            if not np.all(np.isfinite(values)):
                seeds = [s for s, value in zip(self.experiment.seeds, values, strict=True) if not np.isfinite(value)]
                latest = self.checkpoints.latest
                kept = "no checkpoint was written yet" if latest is None else f"the checkpoint of step {latest} is kept"
                raise Diverged(
                    f"{name} is not finite at step {step} (seeds {seeds}); {kept};"
                    " lower optimizer.learning_rate or set optimizer.clip_norm"
                )

    def _evaluate(self, step: int) -> None:
        metrics = self.evaluate(self.state.evaluated)
        self._check_finite(step, metrics)
        stopped = np.asarray(self.state.stopped)
        improved = self.progress.update(step, metrics, stopped)
        if self.best is not None:
            self.best = _keep_best(self.best, self.state.evaluated, parallel.replicate(improved, self.devices))
        patience = self.experiment.config.train.early_stopping
        if patience:
            stopped = stopped | (np.asarray(self.progress.waited) >= patience)
            self.state = self.state.replace(stopped=parallel.replicate(stopped, self.devices))
        self._log(step, "eval", metrics)
        self.display.evaluated(step, _means(metrics))

    def _save(self, step: int) -> None:
        state, best = parallel.to_host((self.state, self.best))
        self.checkpoints.save(step, Checkpoint(state, best, self.progress))

    def _log(self, step: int, split: str, metrics: dict[str, np.ndarray]) -> None:
        self.folder.log(step, step / self.experiment.steps_per_epoch, split, self.experiment.seeds, metrics)

    def _result(self, step: int) -> dict[str, Any]:
        e, timings = self.experiment, self.folder.timings()
        return {
            "name": e.name,
            "model": e.config.model.name,
            "parameters": e.parameters,
            "macs": e.macs,
            "steps": step,
            "epochs": round(step / e.steps_per_epoch, 3),
            "batch_size": e.train.batch_size,
            "seeds": list(e.seeds),
            "last": _with_seeds(e.seeds, self.progress.last),
            "best": _with_seeds(e.seeds, self.progress.best),
            "images_per_second": statistics.median(t["images_per_second"] for t in timings) if timings else 0.0,
            "seconds": round(time.perf_counter() - self.started, 3),
            "seconds_to_first_step": self.seconds_to_first_step and round(self.seconds_to_first_step, 3),
        }


class _Schedule:
    """At which steps something is due."""

    def __init__(self, experiment: Experiment) -> None:
        config = experiment.config.train
        self.total = experiment.total_steps
        self.eval_every = experiment.steps_between(config.eval_every_epochs)
        self.save_every = config.checkpoint_every_steps or self.eval_every
        self.log_every = config.log_every_steps
        self.scan_steps = config.scan_steps or parallel.default_scan_steps()
        for field, value in (("log_every_steps", self.log_every), ("scan_steps", self.scan_steps)):
            if value < 1:
                raise UserError(f"train.{field} must be at least 1, got {value}")

    def next_event(self, step: int) -> int:
        """Returns the first step after `step` at which anything is due."""
        intervals = (self.log_every, self.eval_every, self.save_every)
        return min(self.total, *((step // every + 1) * every for every in intervals))

    def evaluates(self, step: int) -> bool:
        return step % self.eval_every == 0 or step == self.total

    def saves(self, step: int) -> bool:
        return step % self.save_every == 0 or step == self.total


def _train_step(experiment: Experiment) -> TrainStep:
    """Returns the step, which is made anew of the numbers in the state whenever it is traced."""
    config, averaging = experiment.config, experiment.averaging
    share = averaging and functools.partial(averaging.share, steps_per_epoch=experiment.steps_per_epoch)

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
            stoppable=config.train.early_stopping > 0,
        )
        return made(state, batch, key)

    return step


@jax.jit
def _keep_best(best: Any, current: Any, improved: jax.Array) -> Any:
    """Returns `current` for the replicas that improved, [r], and `best` for the others."""

    def keep(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(improved.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(keep, best, current)


def _stack(trees: Any) -> parallel.Feed:
    return jax.tree.map(lambda *leaves: np.stack(leaves), *trees)


def _means(metrics: dict[str, np.ndarray]) -> dict[str, float]:
    return {name: float(np.mean(value)) for name, value in metrics.items()}


def _with_seeds(seeds: tuple[int, ...], metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{"seed": seed, **values} for seed, values in zip(seeds, metrics, strict=True)]
