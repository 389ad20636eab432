"""A damaged checkpoint is passed over for the one before; what cannot be written is one line, and nothing is lost."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deepvision.build import build
from deepvision.errors import UserError
from deepvision.train import interruption, manifest
from deepvision.train.checkpoint import read_newest
from deepvision.train.evaluate import evaluate
from tests.train.faults import assert_same_end, at, newest, no_room, run, small_run


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run(small_run(), folder)
    return folder


@pytest.fixture(scope="module")
def stopped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run stopped after step 17: its checkpoints are of the steps 15 and 17."""
    folder = tmp_path_factory.mktemp("stopped")
    with pytest.MonkeyPatch.context() as patch, interruption.listening(), pytest.raises(interruption.Interrupted):
        at(patch, "step 17", interruption.request)
        run(small_run(), folder)
    assert sorted(path.name for path in (folder / "checkpoints").iterdir()) == ["15", "17"]
    return folder


def largest(folder: Path) -> Path:
    return max((file for file in folder.rglob("*") if file.is_file()), key=lambda file: file.stat().st_size)


def flip_a_byte(folder: Path) -> None:
    data = bytearray(largest(folder).read_bytes())
    data[len(data) // 2] ^= 1
    largest(folder).write_bytes(data)


def cut_a_file(folder: Path) -> None:
    os.truncate(largest(folder), largest(folder).stat().st_size // 2)


def lose_a_file(folder: Path) -> None:
    largest(folder).unlink()


def lose_the_manifest(folder: Path) -> None:
    (folder / manifest.NAME).unlink()


DAMAGES = {
    flip_a_byte: "has another checksum than when it was written",
    cut_a_file: "bytes, not",
    lose_a_file: " is missing",
    lose_the_manifest: "it was not written to its end",
}


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda damage: damage.__name__)
def test_a_damaged_checkpoint_is_passed_over(left_alone: Path, stopped: Path, tmp_path: Path, damage: Callable):
    folder = shutil.copytree(stopped, tmp_path / "run")
    damage(folder / "checkpoints" / "17")
    assert read_newest(folder / "checkpoints").step == 15, "reading alone passes over it too"
    notes = run(small_run(), folder)
    assert f"checkpoint 17 of {folder}/checkpoints is passed over: " in notes[0]
    assert DAMAGES[damage] in notes[0]
    assert notes[1] == "resuming from step 15"
    assert (folder / "checkpoints" / "damaged-17").is_dir()
    assert_same_end(folder, left_alone)


def test_what_orbax_notes_for_itself_does_not_count(left_alone: Path, stopped: Path, tmp_path: Path):
    folder = shutil.copytree(stopped, tmp_path / "run")
    (folder / "checkpoints" / "17" / "_CHECKPOINT_METADATA").write_bytes(b"\x00{")
    assert run(small_run(), folder) == ["resuming from step 17"]
    assert_same_end(folder, left_alone)


def test_when_none_is_whole_the_run_starts_anew(left_alone: Path, stopped: Path, tmp_path: Path):
    folder = shutil.copytree(stopped, tmp_path / "run")
    for step in (15, 17):
        flip_a_byte(folder / "checkpoints" / str(step))
    with pytest.raises(UserError, match="no checkpoint in"):
        evaluate(build(small_run(), (3, 4)), folder)
    assert len([note for note in run(small_run(), folder) if "is passed over" in note]) == 2
    assert_same_end(folder, left_alone)


def test_a_full_disk_is_one_line_and_the_last_checkpoint_stays(
    left_alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    with no_room() as fill:
        at(monkeypatch, "step 9", lambda: (time.sleep(2), fill()))  # when the checkpoint of step 5 is written
        with pytest.raises(UserError, match=r"cannot write .*File too large") as error:
            run(small_run(), tmp_path)
    assert "\n" not in str(error.value)
    assert read_newest(tmp_path / "checkpoints").step == 5
    run(small_run(), tmp_path)
    assert_same_end(tmp_path, left_alone)


def test_a_folder_that_vanishes_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    at(monkeypatch, "step 9", lambda: (tmp_path / "run").rename(tmp_path / "elsewhere"))
    with pytest.raises(UserError, match="cannot write") as error:
        run(small_run(), tmp_path / "run")
    assert "\n" not in str(error.value)


def test_the_newest_of_what_was_kept(left_alone: Path):
    assert newest(left_alone) == 20
    assert manifest.problem(left_alone / "checkpoints" / "20") is None
