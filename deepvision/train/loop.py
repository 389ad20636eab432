"""The loop: feeds the compiled step, evaluates, saves, resumes. It decides when; what happens is elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from deepvision.errors import UserError
from deepvision.tasks.metrics import Metrics
from deepvision.train import distributed, interruption, parallel
from deepvision.train import metrics as metrics_lib
from deepvision.train.agenda import Agenda
from deepvision.train.boundary import Boundary
from deepvision.train.checkpoint import Checkpoint, Checkpoints
from deepvision.train.clock import Clock
from deepvision.train.display import Display, Silent
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.non_finite import Broken, Remedy
from deepvision.train.outcome import outcome
from deepvision.train.profile import Profile
from deepvision.train.programs import Programs
from deepvision.train.reports import Reports, Share
from deepvision.train.run_folder import RunFolder
from deepvision.train.watchdog import Watchdog


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
        Interrupted: a signal came; everything is saved, and the same call goes on.
        UserError: the folder cannot be written, or holds another run.
    """
    folder = RunFolder(workdir, experiment.config)
    result = distributed.from_first(lambda: folder.result)
    if result is not None:
        return result
    everyone = tuple(range(len(experiment.seeds)))
    loop = _Loop(experiment, [Share(folder, everyone)], folder.path / "checkpoints", display or Silent(), programs)
    loop.run()
    folder.finish(loop.result(everyone))
    return distributed.from_first(lambda: folder.result)


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
        self.clock = Clock()
        self.experiment, self.shares, self.display = experiment, shares, display
        self.agenda, self.remedy = Agenda(experiment), Remedy(experiment, display.note)
        self.profile = Profile(experiment.config.profile, shares[0].folder.path, self.agenda, display.note)
        self.reports = Reports(experiment, shares)
        self.programs = programs or _own_programs(experiment)
        self.devices = self.programs.devices
        self.checkpoints = Checkpoints(checkpoints, experiment.config.train.keep_checkpoints)
        self.boundary, self.watchdog = Boundary(), Watchdog(experiment.config.train.watchdog_seconds)
        self.step, self.unsaved = 0, False

    def run(self) -> int:
        """Trains to the end; returns the step that was reached.

        Raises:
            Interrupted: a signal came; everything up to the step before it is saved.
        """
        try:
            self._resume()
            others = f" and {len(self.shares) - 1} more runs" if len(self.shares) > 1 else ""
            self.display.start(self.experiment.name + others, self.experiment.total_steps)
            with interruption.held():
                while self._goes_on():
                    pass
            self.checkpoints.wait()
        finally:
            for part in (self.boundary, self.profile, self.watchdog, self.checkpoints):
                part.close()
            self.display.finish()
        return self.step

    def failures(self, replicas: Iterable[int]) -> dict[int, str]:
        """Returns why some of these replicas diverged."""
        return {r: self.progress.failures[r] for r in replicas if self.progress.failures[r]}

    def result(self, replicas: Sequence[int]) -> dict[str, Any]:
        """Returns the content of result.json of some replicas."""
        timings = self.shares[0].folder.timings()
        return outcome(self.experiment, self.programs, self.progress, replicas, timings, self.clock)

    def keep(self, step: int, share: Share) -> None:
        """Writes the last checkpoint of the one replica of a share into its folder."""
        (replica,) = share.replicas
        taken = jax.tree.map(lambda x: x[replica : replica + 1], parallel.to_host((self.state, self.best)))
        checkpoints = Checkpoints(share.folder.path / "checkpoints", self.experiment.config.train.keep_checkpoints)
        if checkpoints.latest != step:
            checkpoints.save(step, Checkpoint(*taken, self.progress.of(replica)))
            checkpoints.wait()
        checkpoints.close()

    def _active(self) -> np.ndarray:
        """Returns which replicas still train, [r]."""
        failed = np.asarray([reason is not None for reason in self.progress.failures])
        return ~(np.asarray(self.state.stopped) | failed)

    def _resume(self) -> None:
        """Takes the state of the newest checkpoint, or the initial one."""
        for note in self.checkpoints.notes:
            self.display.note(note)
        if self.checkpoints.latest is not None:
            self.display.note(f"resuming from step {self.checkpoints.latest}")
        self._take(self._newest())

    def _newest(self) -> Checkpoint:
        self.profile.plan(self.checkpoints.latest or 0)
        first = initial(self.experiment, self.programs.initialize)
        return first if self.checkpoints.latest is None else self.checkpoints.restore(first)

    def _take(self, checkpoint: Checkpoint) -> None:
        """Goes on from a checkpoint, the newest."""
        self.step, self.unsaved = self.checkpoints.latest or 0, False
        self.reports.rewind(self.step)
        self.state, self.best = map(self.devices.place, (checkpoint.state, checkpoint.best))
        self.progress = checkpoint.progress
        self.feeds = replica_feeds(self.experiment, self.step)

    def _goes_on(self) -> bool:
        """Does what is due at this step, and trains until something is due again; tells whether there is more."""
        try:
            if self.agenda.evaluates(self.step) and self.step > self.progress.evaluated:
                self._evaluate(self.step)
            if self.unsaved and (self.agenda.saves(self.step) or not self._active().any()):
                self._save()
            if self.step >= self.experiment.total_steps or not self._active().any():
                return False
            self._train(self.agenda.next_event(self.step))
        except Broken as broken:
            self._take(self.remedy.cured(self._newest(), self.progress, broken.replicas))
            self.display.note(f"{broken}: back to step {self.step}, with a lower learning rate")
        return True

    def _train(self, until: int) -> None:
        """Makes the updates up to `until`, and reports on them."""
        start, started, outputs, compiled = self.step, time.perf_counter(), [], 0
        self.clock.steps()
        while self.step < until:
            if self.boundary.stops():
                self._stop(outputs)
            started += self.profile.at(self.step, self.state)
            count = self.agenda.dispatch(self.step)
            try:
                feed = dispatch(self.feeds, count, self.devices)
            except UserError:
                if not interruption.requested():  # a signal to all processes of a terminal ends those that read data
                    raise
                self._stop(outputs)
            self.state, metrics = self.programs.train(self.state, self.programs.resident, feed)
            outputs.append(metrics)
            self.step, self.unsaved = self.step + count, True
            ahead = parallel.AHEAD if self.clock.to_first_step else 0
            jax.block_until_ready(outputs[-1 - ahead : len(outputs) - ahead])  # those before have been waited for
            if self.clock.stepped():
                started, compiled = time.perf_counter(), count
            self.watchdog.beat(f"step {self.step}")
        outputs = jax.device_get(jax.block_until_ready(outputs))
        self._report(outputs, self.step - start - compiled, time.perf_counter() - started)

    def _stop(self, outputs: Sequence[Metrics]) -> None:
        """Saves, with what the steps since the last report gave, and ends the run."""
        self.progress.add(jax.device_get(outputs))
        if self.unsaved:
            self._save()
        self.checkpoints.wait()
        distributed.from_first(lambda: None)  # nobody leaves before it is written
        distributed.close()
        raise interruption.Interrupted(f"saved at step {self.step}")

    def _report(self, outputs: list[Metrics], timed_steps: int, seconds: float) -> None:
        metrics = self.remedy.counted(metrics_lib.values(self.progress.add(outputs)), self.progress)
        self.progress.sums = []
        self._take_out_diverged(metrics)
        self.reports.log(self.step, "train", metrics, self._active())
        images_per_second = self.reports.log_timing(self.step, timed_steps, seconds)
        self.display.step(self.step, self._means(metrics), images_per_second)

    def _take_out_diverged(self, metrics: dict[str, np.ndarray]) -> None:
        """Notes which replicas have a metric that is not finite; the rest goes on, if there is one."""
        self.remedy.take_out(self.step, metrics, self._active(), self.progress, self.checkpoints.latest)

    def _evaluate(self, step: int) -> None:
        metrics = self.programs.evaluate(self.state.evaluated, self._at_boundary)
        if self.state.average is not None:
            newest = self.programs.evaluate(self.state.variables, self._at_boundary)
            metrics |= {metrics_lib.NEWEST + name: values for name, values in newest.items()}
        self.clock.predicted()
        self._take_out_diverged(metrics)
        active, stopped = self._active(), np.asarray(self.state.stopped)
        improved = self.progress.update(step, metrics, ~active)
        if self.best is not None:
            self.best = _keep_best(self.best, self.state.evaluated, self.devices.replicate(improved))
        self.reports.log(step, "eval", metrics, self._active())
        self.display.evaluated(step, self._means(metrics))
        patience = self.experiment.config.train.early_stopping
        if patience:
            stopped = stopped | (np.asarray(self.progress.waited) >= patience)
            self.state = self.state.replace(stopped=self.devices.replicate(stopped))
        self.unsaved = True

    def _at_boundary(self) -> None:
        """Between two batches of an evaluation, which is done anew when the run goes on."""
        self.watchdog.beat(f"a batch of the evaluation at step {self.step}")
        if self.boundary.stops():
            self._stop([])

    def _save(self) -> None:
        state, best = parallel.to_host((self.state, self.best))
        self.checkpoints.save(self.step, Checkpoint(state, best, self.progress))
        self.unsaved = False

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
