"""The run folder: what a training writes, apart from its checkpoints.

config.json        the whole config
environment.json   versions, devices, git commit, command
metrics.jsonl      one line per step reported, split and seed: a function of the config alone
timing.jsonl       what depends on the clock
tensorboard/       the same metrics as events
profile/           a trace of a few steps, if it was asked for; see `profile`
result.json        the outcome; exists only when the training is done
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import subprocess
import sys
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any

import jax
from ml_collections import ConfigDict

import deepvision
from deepvision.errors import UserError
from deepvision.train import distributed, onednn
from deepvision.train.events import Events
from deepvision.train.stored import METRICS, RESULT, TIMING, read_json, read_lines, whole_lines

PACKAGES = ("jax", "jaxlib", "flax", "optax", "orbax-checkpoint", "numpy", "grain", "tensorflow-datasets")
# What may change from one call to the next:
NO_PART_OF_A_RESULT = ("profile", "parallel.devices", "parallel.mode", "train.watchdog_seconds")


class RunFolder:
    """The files of one run.

    Args:
        path: the folder; made if it is not there.
        config: of the run. A folder that holds a run of another config is refused, unless that has reported nothing:
            then it may have failed for what was wrong in it.

    Of several processes, only the first one writes.

    Raises:
        UserError: no permission, or another run's folder; of what is written later, that it cannot be.
    """

    def __init__(self, path: Path, config: ConfigDict) -> None:
        self.path = Path(path)
        self._events: Events | None = None
        self._writes = distributed.is_first()
        if self._writes:
            with self._reported():
                self.path.mkdir(parents=True, exist_ok=True)
                self._claim(config)

    @contextlib.contextmanager
    def _reported(self) -> Iterator[None]:
        """Turns what a disk that is full, or a folder that has gone, raises into one line."""
        try:
            yield
        except OSError as error:
            raise UserError(f"cannot write to workdir {self.path}: {error.strerror or error}") from error

    def _claim(self, config: ConfigDict) -> None:
        different = changed_fields(self.path, config)
        if different:
            raise UserError(
                f"workdir {self.path} holds a run with another config: {'; '.join(different)}."
                " Choose another --workdir, or remove this one"
            )
        result = self.result
        for name, form in (("metrics.jsonl", METRICS), ("timing.jsonl", TIMING)):
            read_lines(self.path / name, form)  # what is damaged is refused before anything is written
        write_json(self.path / "config.json", to_plain(config))
        if result is None:  # of a run that is done, it says where that was
            write_json(self.path / "environment.json", environment())

    @property
    def result(self) -> dict[str, Any] | None:
        """The outcome, if the run is done."""
        file = self.path / "result.json"
        return read_json(file, RESULT) if file.exists() else None

    def finish(self, result: dict[str, Any]) -> None:
        """Writes the outcome."""
        if self._writes:
            with self._reported():
                write_json(self.path / "result.json", result)
                self._close_events()

    def log(self, step: int, epoch: float, split: str, seeds: tuple[int, ...], metrics: dict[str, Any]) -> None:
        """Appends metrics [r] of every replica, and writes them as TensorBoard events."""
        if not self._writes:
            return
        with self._reported(), (self.path / "metrics.jsonl").open("a") as file:
            for replica, seed in enumerate(seeds):
                values = {name: float(value[replica]) for name, value in metrics.items()}
                line = {"step": step, "epoch": round(epoch, 6), "split": split, "seed": seed, **values}
                file.write(json.dumps(line) + "\n")
                tagged = {f"{split}/{name}/seed_{seed}": value for name, value in values.items()}
                self._writer().scalars(step, tagged)

    def log_timing(self, step: int, images_per_second: float, seconds: float) -> None:
        """Appends how fast training went."""
        if not self._writes:
            return
        line = {"step": step, "images_per_second": round(images_per_second, 1), "seconds": round(seconds, 3)}
        with self._reported(), (self.path / "timing.jsonl").open("a") as file:
            file.write(json.dumps(line) + "\n")

    def rewind(self, step: int) -> None:
        """Removes what was reported after `step`, so that a resumed run writes it again."""
        if not self._writes:
            return
        with self._reported():
            for name in ("metrics.jsonl", "timing.jsonl"):
                file = self.path / name
                if file.exists():
                    rows = zip(whole_lines(file), read_lines(file, {"step": int}), strict=True)
                    _replace(file, "".join(line for line, row in rows if row["step"] <= step))
            self._close_events()
            self._writer(begin=step + 1)

    def timings(self) -> list[dict[str, float]]:
        """Returns the lines of timing.jsonl."""
        return read_lines(self.path / "timing.jsonl", TIMING)

    def _close_events(self) -> None:
        if self._events is not None:
            self._events.close()
            self._events = None

    def _writer(self, begin: int | None = None) -> Events:
        if self._events is None:
            self._events = Events(self.path / "tensorboard", begin)
        return self._events


def changed_fields(folder: Path, config: ConfigDict) -> list[str]:
    """Returns in which fields that matter a run that has reported something was another; [] if there is no such run."""
    file = folder / "config.json"
    begun = file.exists() and (folder / "metrics.jsonl").exists()
    found = differences(to_plain(config), read_json(file, dict)) if begun else []
    return [text for text in found if text.split(":")[0] not in NO_PART_OF_A_RESULT]


def environment() -> dict[str, Any]:
    """Returns what is needed to say where a result comes from."""
    return {
        "command": " ".join(sys.argv),
        "python": platform.python_version(),
        "packages": {"deepvision": deepvision.__version__, **{name: _version(name) for name in PACKAGES}},
        "convolutions": f"oneDNN {onednn.in_use()}" if onednn.in_use() else "XLA",
        "devices": [f"{device.platform} {device.device_kind}" for device in jax.devices()],
        "processes": distributed.count(),
        "machine": f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores",
        "git_commit": _git_commit(),
    }


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _git_commit() -> str | None:
    """Returns the commit of the source tree, "+" behind it where it was changed, or None outside of one."""
    folder = Path(__file__).parent
    try:
        commit, changes = (
            subprocess.run(["git", *words], cwd=folder, capture_output=True, text=True, check=True).stdout.strip()
            for words in (["rev-parse", "HEAD"], ["status", "--porcelain"])
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return commit + ("+" if changes else "")


def to_plain(config: ConfigDict) -> dict[str, Any]:
    """Returns a config as JSON would give it back."""
    return json.loads(json.dumps(config.to_dict()))


def differences(mine: dict[str, Any], theirs: dict[str, Any], prefix: str = "") -> list[str]:
    """Returns the fields in which two plain configs differ, "model.norm: batch there, group here"."""
    found = []
    for field in sorted({*mine, *theirs}):
        here, there = mine.get(field), theirs.get(field)
        if isinstance(here, dict) and isinstance(there, dict):
            found += differences(here, there, f"{prefix}{field}.")
        elif here != there:
            found.append(f"{prefix}{field}: {there!r} there, {here!r} here")
    return found


def write_json(file: Path, content: Any) -> None:
    """Writes a JSON file so that it is there whole or not at all."""
    _replace(file, json.dumps(content, indent=2) + "\n")


def _replace(file: Path, text: str) -> None:
    temporary = file.with_name(f".{file.name}.{os.getpid()}")
    temporary.write_text(text)
    temporary.replace(file)
