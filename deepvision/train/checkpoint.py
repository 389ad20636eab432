"""Checkpoints: the whole state, written by orbax in the background, each there whole or not at all."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from deepvision.errors import UserError
from deepvision.train.progress import Progress

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
    """The checkpoints of a run, the newest `keep` of them.

    Args:
        folder: where they lie.
        keep: how many.
    """

    def __init__(self, folder: Path, keep: int) -> None:
        options = ocp.CheckpointManagerOptions(max_to_keep=keep, enable_async_checkpointing=True)
        self._manager = ocp.CheckpointManager(Path(folder).absolute(), options=options)

    @property
    def latest(self) -> int | None:
        """The step of the newest whole checkpoint."""
        return self._manager.latest_step()

    def save(self, step: int, checkpoint: Checkpoint) -> None:
        """Writes a checkpoint in the background, from host arrays that nothing changes any more."""
        arrays = {"state": checkpoint.state, "best": checkpoint.best}
        self._manager.save(
            step,
            args=ocp.args.Composite(
                arrays=ocp.args.StandardSave(arrays), progress=ocp.args.JsonSave(checkpoint.progress.to_plain())
            ),
        )

    def restore(self, step: int, like: Checkpoint) -> Checkpoint:
        """Reads a checkpoint as host arrays in the structure of `like`."""
        abstract = jax.tree.map(ocp.utils.to_shape_dtype_struct, {"state": like.state, "best": like.best})
        try:
            restored = self._manager.restore(
                step,
                args=ocp.args.Composite(arrays=ocp.args.StandardRestore(abstract), progress=ocp.args.JsonRestore()),
            )
        except (ValueError, KeyError, FileNotFoundError) as error:
            first = str(error).splitlines()[0]
            raise UserError(f"cannot read checkpoint {step} of {self._manager.directory}: {first}") from error
        return Checkpoint(**restored.arrays, progress=Progress.from_plain(restored.progress))

    def read(self, step: int) -> tuple[dict[str, Any], dict[str, Any] | None, Progress]:
        """Returns the network's variables of all replicas after the step and at their best, and the progress."""
        args = ocp.args.Composite(arrays=ocp.args.StandardRestore(), progress=ocp.args.JsonRestore())
        restored = self._manager.restore(step, args=args)
        state, best = restored.arrays["state"], restored.arrays["best"]
        last = state["average"] or {"params": state["params"], **(state["model_state"] or {})}
        return last, best or None, Progress.from_plain(restored.progress)

    def close(self) -> None:
        """Waits until everything is written."""
        self._manager.wait_until_finished()
        self._manager.close()


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
    checkpoints = Checkpoints(folder, keep=None) if folder.is_dir() else None
    if checkpoints is None or checkpoints.latest is None:
        raise UserError(f"no checkpoint in {folder}; name the folder of a run, or a file of weights")
    newest, kept, _ = checkpoints.read(checkpoints.latest)
    checkpoints.close()
    return jax.tree.map(lambda leaf: np.asarray(leaf[0]), kept if best and kept else newest)
