"""What the tests of faults share: a small run, something that happens in the middle of it, and the bits it ends in."""

from __future__ import annotations

import contextlib
import resource
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest
from ml_collections import ConfigDict

from deepvision.build import build
from deepvision.train.display import Silent
from deepvision.train.loop import fit
from deepvision.train.watchdog import Watchdog
from tests.train.small import small_config


def small_run(**changes: Any) -> ConfigDict:
    """A perceptron for 20 steps, with everything that a checkpoint must hold; reports, evaluations and saves differ."""
    few = dict(model__name="mlp", model__overrides=None, model__norm="batch", train__averaging="ema(decay=0.9)")
    when = dict(train__log_every_steps=4, train__eval_every_epochs=1.0, train__checkpoint_every_steps=5)
    return small_config(**(few | when | changes))


class Notes(Silent):
    """A display that keeps what it is told."""

    def __init__(self) -> None:
        self.notes: list[str] = []

    def note(self, text: str) -> None:
        self.notes.append(text)


def run(config: ConfigDict, workdir: Path, seeds: Sequence[int] = (3, 4)) -> list[str]:
    """Trains, and returns the notes."""
    display = Notes()
    fit(build(config, seeds), workdir, display)
    return display.notes


def at(monkeypatch: pytest.MonkeyPatch, moment: str, act: Callable[[], None]) -> None:
    """Lets `act` happen once, when a run has just done what `moment` says: "step 7"."""
    left = [act]

    def beat(self: Watchdog, what: str) -> None:
        if what.endswith(moment) and left:
            left.pop()()

    monkeypatch.setattr(Watchdog, "beat", beat)


@contextlib.contextmanager
def no_room() -> Iterator[Callable[[], None]]:
    """Gives what makes every longer write fail from when it is called, as on a full disk."""
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    try:
        yield lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, limits[1]))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


def newest(workdir: Path) -> int:
    """Returns the step of the newest checkpoint, whole or not."""
    return max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())


def final_state(workdir: Path) -> dict[str, np.ndarray]:
    """Returns all arrays of the newest checkpoint by path."""
    arrays = ocp.StandardCheckpointer().restore((workdir / "checkpoints" / str(newest(workdir)) / "arrays").absolute())
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(arrays)}


def assert_same_end(workdir: Path, reference: Path) -> None:
    """Two runs have ended in the same bits, and reported the same."""
    assert newest(workdir) == newest(reference)
    expected, found = final_state(reference), final_state(workdir)
    assert expected.keys() == found.keys()
    for path in expected:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=path)
    assert (workdir / "metrics.jsonl").read_text() == (reference / "metrics.jsonl").read_text()
    assert (workdir / "result.json").exists()
