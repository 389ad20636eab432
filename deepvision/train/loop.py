"""The loop: feeds the compiled step, evaluates, saves, resumes. It decides when; what happens is elsewhere."""

from __future__ import annotations

import dataclasses
import statistics
import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.tasks.metrics import Metrics
from deepvision.train import metrics as metrics_lib
from deepvision.train import parallel
from deepvision.train.agenda import Agenda
from deepvision.train.checkpoint import Checkpoint, Checkpoints
from deepvision.train.display import Display, Silent
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.programs import Programs
from deepvision.train.run_folder import RunFolder


class Diverged(UserError):
    """The loss of no replica is a finite number any more; `reasons` has one line for each."""

    def __init__(self, message: str, reasons: Sequence[str]) -> None:
        super().__init__(message)
        self.reasons = tuple(reasons)


def fit(
    experiment: Experiment, workdir: Path, display: Display | None = None, programs: Programs | None = None
) -> dict[str, Any]:
    """Trains all replicas together, from the newest checkpoint in `workdir` if there is one, to the end.

    Args:
        experiment: what to train.
        workdir: the run folder of all replicas.
        display: shows progress.
        programs: compiled for an experiment that differs in seeds and numbers alone; None: made here.

    Returns:
        The content of result.json; at once if the run was done already. A replica that diverged is not in it but for
        its reason under "failures".

    Raises:
        Diverged: the loss of every replica is not finite; the last checkpoint before it is kept.
        UserError: the folder cannot be written, or holds another run.
    """
    folder = RunFolder(workdir, experiment.config)
    if folder.result is not None:
        return folder.result
    everyone = tuple(range(len(experiment.seeds)))
    loop = _Loop(experiment, [Share(folder, everyone)], folder.path / "checkpoints", display or Silent(), programs)
    loop.run()
    folder.finish(loop.result(everyone))
    return folder.result


def fit_together(
    experiment: Experiment,
    folders: Sequence[RunFolder],
    scratch: Path,
    display: Display,
    programs: Programs,
) -> dict[int, str]:
    """Trains all replicas together, each with a run folder of its own that looks as if it had been trained alone.

    Args:
        experiment: what to train.
        folders: one per replica.
        scratch: where the checkpoints of all replicas lie until they are done.
        display: shows progress.
        programs: compiled for so many replicas.

    Returns:
        Why replicas have no result, by their place; {} if all have finished.

    Raises:
        Diverged: all of them did.
    """
    shares = [Share(folder, (r,)) for r, folder in enumerate(folders)]
    loop = _Loop(experiment, shares, scratch / "checkpoints", display, programs)
    step = loop.run()
    for share in shares:
        if not loop.failures(share.replicas):
            loop.keep(step, share)
            share.folder.finish(loop.result(share.replicas))
    return loop.failures(range(len(folders)))


@dataclasses.dataclass(frozen=True)
class Share:
    """The replicas that are reported in one run folder."""

    folder: RunFolder
    replicas: tuple[int, ...]


class _Loop:
    """One call of `fit`.

    Everything happens at steps that are multiples of the intervals to log, evaluate and save, whether the run was
    interrupted or not: so what is reported is the same. A replica that diverged or was stopped early is not reported on
    any more; the others go on.
    """

    def __init__(
        self,
        experiment: Experiment,
        shares: Sequence[Share],
        checkpoints: Path,
        display: Display,
        programs: Programs | None,
    ) -> None:
        self.started = time.perf_counter()
        self.experiment, self.shares, self.display = experiment, shares, display
        self.agenda = Agenda(experiment)
        self.programs = programs or _own_programs(experiment)
        self.devices = self.programs.devices
        self.checkpoints = Checkpoints(checkpoints, experiment.config.train.keep_checkpoints)
        self.seconds_to_first_step: float | None = None

    def run(self) -> int:
        """Trains to the end; returns the step that was reached."""
        step = self._resume()
        others = f" and {len(self.shares) - 1} more runs" if len(self.shares) > 1 else ""
        self.display.start(self.experiment.name + others, self.experiment.total_steps)
        feeds = replica_feeds(self.experiment, step)
        try:
            while step < self.experiment.total_steps and self._active().any():
                until = self.agenda.next_event(step)
                self._train(step, until, feeds)
                step = until
                if self.agenda.evaluates(step):
                    self._evaluate(step)
                if self.agenda.saves(step) or not self._active().any():
                    self._save(step)
        finally:
            self.checkpoints.close()
            self.display.finish()
        return step

    def failures(self, replicas: Iterable[int]) -> dict[int, str]:
        """Returns why some of these replicas diverged."""
        return {r: self.progress.failures[r] for r in replicas if self.progress.failures[r]}

    def result(self, replicas: Sequence[int]) -> dict[str, Any]:
        """Returns the content of result.json of some replicas."""
        e, timings = self.experiment, self.shares[0].folder.timings()
        failures = {e.seeds[r]: reason for r, reason in self.failures(replicas).items()}
        rest = [r for r in replicas if e.seeds[r] not in failures]
        seeds, step = tuple(e.seeds[r] for r in rest), max(self.progress.last[r]["step"] for r in rest)
        seconds = (time.perf_counter() - self.started) * len(replicas) / len(e.seeds)
        result = {
            "name": e.name,
            "model": e.config.model.name,
            "parameters": e.parameters,
            "macs": e.macs,
            "steps": step,
            "epochs": round(step / e.steps_per_epoch, 3),
            "batch_size": e.train.batch_size,
            "seeds": list(seeds),
            "last": _with_seeds(seeds, [self.progress.last[r] for r in rest]),
            "best": _with_seeds(seeds, [self.progress.best[r] for r in rest]),
            "images_per_second": statistics.median(t["images_per_second"] for t in timings) if timings else 0.0,
            "seconds": round(seconds, 3),
            "seconds_to_first_step": self.seconds_to_first_step and round(self.seconds_to_first_step, 3),
            "replicas": {"together": len(e.seeds) if self.programs.together else 1, "why": self.programs.why},
        }
        return result | ({"failures": failures} if failures else {})

    def keep(self, step: int, share: Share) -> None:
        """Writes the last checkpoint of the one replica of a share into its folder."""
        (replica,) = share.replicas
        taken = jax.tree.map(lambda x: x[replica : replica + 1], parallel.to_host((self.state, self.best)))
        checkpoints = Checkpoints(share.folder.path / "checkpoints", self.experiment.config.train.keep_checkpoints)
        if checkpoints.latest != step:
            checkpoints.save(step, Checkpoint(*taken, self.progress.of(replica)))
        checkpoints.close()

    def _active(self) -> np.ndarray:
        """Returns which replicas still train, [r]."""
        failed = np.asarray([reason is not None for reason in self.progress.failures])
        return ~(np.asarray(self.state.stopped) | failed)

    def _resume(self) -> int:
        """Takes the state of the newest checkpoint, or the initial one; returns its step."""
        checkpoint, step = initial(self.experiment, self.programs.initialize), self.checkpoints.latest
        if step is not None:
            checkpoint = self.checkpoints.restore(step, checkpoint)
            self.display.note(f"resuming from step {step}")
        for share in self.shares:
            share.folder.rewind(step or 0)
        self.state = parallel.replicate(checkpoint.state, self.devices)
        self.best = parallel.replicate(checkpoint.best, self.devices)
        self.progress = checkpoint.progress
        return step or 0

    def _train(self, step: int, until: int, feeds: Iterator[parallel.Feed]) -> None:
        """Makes the updates from `step` to `until`, and reports on them."""
        started, outputs, compiled = time.perf_counter(), [], 0
        for first in range(step, until, self.agenda.scan_steps):
            feed = dispatch(feeds, min(self.agenda.scan_steps, until - first), len(self.devices))
            self.state, metrics = self.programs.train(self.state, self.programs.resident, feed)
            outputs.append(metrics)
            if self.seconds_to_first_step is None:
                jax.block_until_ready(metrics)
                self.seconds_to_first_step = time.perf_counter() - self.started
                started, compiled = time.perf_counter(), min(self.agenda.scan_steps, until - first)
        outputs = jax.device_get(jax.block_until_ready(outputs))
        self._report(until, outputs, until - step - compiled, time.perf_counter() - started)

    def _report(self, step: int, outputs: list[Metrics], timed_steps: int, seconds: float) -> None:
        metrics = metrics_lib.total(jax.tree.map(lambda x: x.sum(axis=0), output) for output in outputs)
        self._take_out_diverged(step, metrics)
        images_per_second = timed_steps * self.experiment.train.batch_size * len(self.experiment.seeds) / seconds
        self._log(step, "train", metrics)
        for share in self.shares if timed_steps else ():
            share.folder.log_timing(step, images_per_second, seconds)
        self.display.step(step, self._means(metrics), images_per_second)

    def _take_out_diverged(self, step: int, metrics: dict[str, np.ndarray]) -> None:
        """Notes which replicas have a metric that is not finite; the rest goes on, if there is one."""
        for name, values in metrics.items():
            for replica in np.flatnonzero(self._active() & ~np.isfinite(values)):
                self.progress.failures[replica] = f"{name} is not finite at step {step}"
                self.display.note(f"seed {self.experiment.seeds[replica]}: {self.progress.failures[replica]}")
        if all(self.progress.failures):
            latest = self.checkpoints.latest
            kept = "no checkpoint was written yet" if latest is None else f"the checkpoint of step {latest} is kept"
            raise Diverged(
                f"{self.progress.failures[0]} (seeds {list(self.experiment.seeds)}); {kept};"
                " lower optimizer.learning_rate or set optimizer.clip_norm",
                self.progress.failures,
            )

    def _evaluate(self, step: int) -> None:
        metrics = self.programs.evaluate(self.state.evaluated)
        if self.state.average is not None:
            newest = self.programs.evaluate(self.state.variables)
            metrics |= {metrics_lib.NEWEST + name: values for name, values in newest.items()}
        self._take_out_diverged(step, metrics)
        active, stopped = self._active(), np.asarray(self.state.stopped)
        improved = self.progress.update(step, metrics, ~active)
        if self.best is not None:
            self.best = _keep_best(self.best, self.state.evaluated, parallel.replicate(improved, self.devices))
        self._log(step, "eval", metrics)
        self.display.evaluated(step, self._means(metrics))
        patience = self.experiment.config.train.early_stopping
        if patience:
            stopped = stopped | (np.asarray(self.progress.waited) >= patience)
            self.state = self.state.replace(stopped=parallel.replicate(stopped, self.devices))

    def _save(self, step: int) -> None:
        state, best = parallel.to_host((self.state, self.best))
        self.checkpoints.save(step, Checkpoint(state, best, self.progress))

    def _log(self, step: int, split: str, metrics: dict[str, np.ndarray]) -> None:
        active, epoch = self._active(), step / self.experiment.steps_per_epoch
        for share in self.shares:
            rows = [r for r in share.replicas if active[r]]
            seeds = tuple(self.experiment.seeds[r] for r in rows)
            share.folder.log(step, epoch, split, seeds, {name: value[rows] for name, value in metrics.items()})

    def _means(self, metrics: dict[str, np.ndarray]) -> dict[str, float]:
        active = self._active()
        return {name: float(np.mean(value[active])) for name, value in metrics.items()} if active.any() else {}


def _own_programs(experiment: Experiment) -> Programs:
    mode = experiment.config.parallel.replicas
    return Programs(experiment, len(experiment.seeds), parallel.run_together(mode), f"parallel.replicas = {mode!r}")


@jax.jit
def _keep_best(best: Any, current: Any, improved: jax.Array) -> Any:
    """Returns `current` for the replicas that improved, [r], and `best` for the others."""

    def keep(old: jax.Array, new: jax.Array) -> jax.Array:
        return jnp.where(improved.reshape(-1, *(1,) * (new.ndim - 1)), new, old)

    return jax.tree.map(keep, best, current)


def _with_seeds(seeds: tuple[int, ...], metrics: list[dict[str, float]]) -> list[dict[str, float]]:
    return [{"seed": seed, **values} for seed, values in zip(seeds, metrics, strict=True)]
