"""Checkpoints: the whole state, written by orbax in the background, each there whole or not at all."""

from __future__ import annotations

import contextlib
import dataclasses
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import flax.errors
import jax
import numpy as np
import orbax.checkpoint as ocp

from deepvision.errors import UserError
from deepvision.train import distributed, manifest
from deepvision.train.progress import Progress

_WRITING_FAILS = (OSError, ValueError, RuntimeError)  # what orbax and tensorstore make of a full disk, or a lost folder
_REASONS = ("No space left on device", "Disk quota exceeded", "File too large", "Permission denied", "Read-only file")

_ANOTHER_NETWORK = (  # what flax says of variables that a network does not have, or has in other shapes
    flax.errors.ScopeParamNotFoundError,
    flax.errors.ScopeParamShapeError,
    flax.errors.ScopeCollectionNotFound,
    flax.errors.ScopeVariableNotFoundError,
)
SEEDS = "seeds"  # the folder in that of an arm of an ablation that has a run folder for every seed


@dataclasses.dataclass(frozen=True)
class Checkpoint:
    """What is saved.

    Attributes:
        state: `TrainState` of all replicas.
        best: variables of every replica at its best evaluation, or None where they are not kept.
        progress: what the loop remembers.
    """

    state: Any
    best: Any
    progress: Progress


class Checkpoints:
    """The checkpoints of a run, the newest `keep` of them; of several processes, the first one writes and reads.

    Args:
        folder: where they lie. One that is damaged or was not written to its end is set aside when this is made.
        keep: how many.

    Attributes:
        latest: the step of the newest whole checkpoint; the same on all processes.
        notes: what was wrong with newer ones.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        self._folder = Path(folder).absolute()
        self._manager, self._writing = None, None
        self.notes: list[str] = []
        if distributed.is_first():
            with self._reported(f"open {self._folder}"):
                self.notes = _set_damaged_aside(self._folder)
                self._manager = _manager(self._folder, keep, self._seal)
        self.latest: int | None = distributed.from_first(lambda: self._manager.latest_step())

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint in the background, from host arrays that nothing changes any more.

        Raises:
            UserError: this one, or the one before, cannot be written.
        """
        arrays = {"state": checkpoint.state, "best": checkpoint.best}
        args = ocp.args.Composite(
            arrays=ocp.args.StandardSave(arrays), progress=ocp.args.JsonSave(checkpoint.progress.to_plain())
        )
        if self._manager is not None:
            self.wait()
            with self._reported(f"write checkpoint {step} into {self._folder}"):
                if self.latest == step:
                    self._manager.delete(step)
                self._writing = step
                self._manager.save(step, args=args)
        self.latest = step

    def restore(self, like: Checkpoint) -> Checkpoint:
        """Reads the newest checkpoint in the structure of `like`, on all processes, into host memory."""
        plain, arrays = None, jax.tree.map(_room_for, {"state": like.state, "best": like.best})
        if self._manager is not None:
            plain, arrays = self._read(arrays)
        plain = distributed.from_first(lambda: plain)
        return Checkpoint(**distributed.broadcast(arrays), progress=Progress.from_plain(plain))

    def wait(self) -> None:
        """Waits until everything is written.

        Raises:
            UserError: it cannot be.
        """
        if self._manager is not None:
            with self._reported(f"write checkpoint {self._writing} into {self._folder}"):
                self._manager.wait_until_finished()

    def close(self) -> None:
        """Waits until everything is written, or has failed."""
        if self._manager is not None:
            with contextlib.suppress(*_WRITING_FAILS):
                self._manager.close()

    def _read(self, like: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        with _readable(self._folder, self.latest):
            self._manager.wait_until_finished()
            restored = self._manager.restore(
                self.latest,
                args=ocp.args.Composite(arrays=ocp.args.StandardRestore(like), progress=ocp.args.JsonRestore()),
            )
            _check_shapes(restored.arrays, like)
        return restored.progress, restored.arrays

    def _seal(self) -> None:
        """Writes the manifest of what is being written, before orbax gives its folder the name that counts."""
        for unfinished in self._folder.glob(f"{self._writing}.orbax-checkpoint-tmp*"):
            manifest.write(unfinished)

    @contextlib.contextmanager
    def _reported(self, what: str) -> Iterator[None]:
        """Turns what a full disk or a lost folder raises into one line."""
        try:
            yield
        except _WRITING_FAILS as error:
            reason = next((word for word in _REASONS if word in str(error)), str(error).splitlines()[0])
            raise UserError(
                f"cannot {what}: {reason}; make room, or mend the folder, and the same command goes on from the"
                " checkpoint before"
            ) from error


def _room_for(leaf: Any) -> np.ndarray:
    """Returns an array as large as a leaf, whose values are not looked at: they may lie on devices of others."""
    return np.empty(leaf.shape, leaf.dtype)


def _check_shapes(found: Any, wanted: Any) -> None:
    """Raises a ValueError where arrays differ in shape, which orbax lets pass."""
    for (path, array), room in zip(jax.tree.leaves_with_path(found), jax.tree.leaves(wanted), strict=True):
        if array.shape != room.shape:
            name = jax.tree_util.keystr(path, simple=True, separator="/")
            raise ValueError(f"it is of another network, {name} has the shape {array.shape}, not {room.shape}")


def _manager(folder: Path, keep: int | None, seal: Callable[[], None] | None) -> ocp.CheckpointManager:
    """Returns orbax's manager of a folder, for this process alone."""
    alone = ocp.options.MultiprocessingOptions(
        primary_host=jax.process_index(),
        active_processes={jax.process_index()},
        barrier_sync_key_prefix=f"process_{jax.process_index()}",
    )
    folder.mkdir(parents=True, exist_ok=True)
    options = ocp.CheckpointManagerOptions(
        max_to_keep=keep,
        create=False,
        enable_async_checkpointing=True,
        async_options=ocp.AsyncOptions(post_finalization_callback=seal),
        multiprocessing_options=alone,
    )
    return ocp.CheckpointManager(folder, options=options)


def _steps(folder: Path) -> list[int]:
    """Returns the steps of the checkpoints in a folder, the newest first; whole or not."""
    return sorted((int(path.name) for path in folder.glob("[0-9]*") if path.name.isdigit()), reverse=True)


def _newest(folder: Path) -> tuple[int | None, dict[int, str]]:
    """Returns the step of the newest whole checkpoint in a folder, and what is wrong with newer ones."""
    wrong: dict[int, str] = {}
    for step in _steps(folder):
        problem = manifest.problem(folder / str(step))
        if problem is None:
            return step, wrong
        wrong[step] = f"checkpoint {step} of {folder} is passed over: {problem}"
    return None, wrong


def _set_damaged_aside(folder: Path) -> list[str]:
    """Renames the checkpoints that are newer than the newest whole one; returns what was wrong with them."""
    _, wrong = _newest(folder)
    for step in wrong:
        aside = folder / f"damaged-{step}"
        shutil.rmtree(aside, ignore_errors=True)
        (folder / str(step)).rename(aside)
    return list(wrong.values())


@dataclasses.dataclass(frozen=True)
class Saved:
    """What the newest whole checkpoint of a run holds.

    Attributes:
        last: the network's variables of all replicas after the step.
        best: those at their best evaluation, or None where they were not kept.
        progress: of the loop.
        step: of the checkpoint.
    """

    last: dict[str, Any]
    best: dict[str, Any] | None
    progress: Progress
    step: int


def read_newest(folder: Path) -> Saved | None:
    """Reads the newest whole checkpoint in a folder and changes nothing there; None if there is none."""
    step, _ = _newest(folder)
    if step is None:
        return None
    manager = _manager(folder.absolute(), None, None)
    args = ocp.args.Composite(arrays=ocp.args.StandardRestore(), progress=ocp.args.JsonRestore())
    with _readable(folder, step):
        restored = manager.restore(step, args=args)
        manager.close()
        state, best = restored.arrays["state"], restored.arrays["best"]
        last = state["average"] or {"params": state["params"], **(state["model_state"] or {})}
        return Saved(last, best or None, Progress.from_plain(restored.progress), step)


@contextlib.contextmanager
def _readable(folder: Path, step: int | None) -> Iterator[None]:
    """Turns what a checkpoint raises that was written by another program, or for another network, into one line."""
    try:
        yield
    except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
        first = (str(error) or type(error).__name__).splitlines()[0]
        raise UserError(f"cannot read checkpoint {step} of {folder}: {first}; name another --workdir") from error


@contextlib.contextmanager
def fitting(source: Path) -> Iterator[None]:
    """Turns what the variables from `source` raise in a network that they are not of into one line."""
    try:
        yield
    except _ANOTHER_NETWORK as error:
        first = str(error).splitlines()[0]
        raise UserError(f"{source} holds the weights of another network than its config names: {first}") from error


def seed_folder(workdir: Path, seed: int) -> Path:
    """Returns the run folder of one seed of an arm of an ablation."""
    return workdir / SEEDS / str(seed)


def read_variables(workdir: Path, best: bool = True) -> dict[str, Any]:
    """Returns the variables of the first replica of a run.

    Args:
        workdir: its folder, or that of an arm of an ablation.
        best: those of its best evaluation, if they were kept; else the newest.

    Raises:
        UserError: the folder holds no checkpoint.
    """
    seeds = sorted((workdir / SEEDS).glob("*/result.json"), key=lambda file: int(file.parent.name))
    folder = (seeds[0].parent if seeds else workdir) / "checkpoints"
    saved = read_newest(folder)
    if saved is None:
        raise UserError(f"no checkpoint in {folder}; name the folder of a run, or a file of weights")
    chosen = saved.best if best and saved.best else saved.last
    return jax.tree.map(lambda leaf: np.asarray(leaf[0]), chosen)
