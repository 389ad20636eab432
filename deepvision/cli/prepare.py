"""`prepare`: makes a data set ready to be read in any order, and says what is in it."""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from pathlib import Path

from rich.table import Table

from deepvision.cli import tables
from deepvision.cli.arguments import Arguments
from deepvision.cli.display import make_display
from deepvision.data.prepare import data_set, imagenet
from deepvision.data.prepare.check import Found, check
from deepvision.data.prepare.listing import of_folder
from deepvision.data.reader import UNUSABLE
from deepvision.data.sources import SOURCES, Source, open_source
from deepvision.data.sources.image_folder import listed
from deepvision.data.sources.imagenet import IMAGES
from deepvision.data.sources.tfds import data_root, is_known, open_splits
from deepvision.data.streaming import cores
from deepvision.errors import UserError, as_line, unknown

VERSION = "1.0.0"  # of a data set made of a folder
_NAME = re.compile(r"[a-z][a-z0-9_]*")
_MOST_LINES = 20


def run(arguments: Arguments) -> int:
    """Prepares a data set, or reads a prepared one through; 2: some images cannot be used."""
    flags, (name,) = arguments.flags, arguments.words
    if flags.unusable not in UNUSABLE:
        raise unknown("value of --unusable", flags.unusable, UNUSABLE)
    with _Progress(name) as progress:
        found = _found(name, flags, progress)
    _show(name, found)
    broken = any(of.unusable for of in found.values())
    return 2 if broken and flags.unusable == "stop" else 0


def _found(name: str, flags, progress: _Progress) -> dict[str, Found]:
    if name == "image_folder":
        splits = listed(_path(flags.path))[1]
        return _checked({split: open_source(name, split, path=flags.path) for split in splits}, progress)
    if name in SOURCES:
        raise UserError(f"data set {name!r} is read as it is: there is nothing to prepare")
    root = data_root(flags.data_dir)
    if name == imagenet.NAME:
        folder, path = root / name / imagenet.VERSION, Path(flags.path or imagenet.manual(root)).expanduser()
    elif flags.path:
        folder, path = _own(name, root), _path(flags.path)
    else:
        return _checked(open_splits(name, flags.data_dir), progress)
    if folder.exists():
        return _checked(open_splits(name, flags.data_dir), progress)
    workers = min(cores(), 16) if flags.workers is None else flags.workers
    names, splits = imagenet.find(path) if name == imagenet.NAME else of_folder(path)
    return data_set.make(folder, names, splits, workers, flags.unusable, progress)


def _path(path: str) -> Path:
    if not path:
        raise UserError("--path is missing: name the folder split/class/image")
    return Path(path).expanduser()


def _own(name: str, root: Path) -> Path:
    """Returns the folder of a data set of the user's."""
    if not _NAME.fullmatch(name):
        raise UserError(f"{name!r} cannot be the name of a data set: use lower case letters, digits and _")
    folder = root / name / VERSION
    if is_known(name) and not folder.exists():
        raise UserError(f"{name!r} is a data set of TFDS: leave --path out, or give yours another name")
    return folder


def _checked(sources: Mapping[str, Source], progress: _Progress) -> dict[str, Found]:
    total, there = sum(len(source) for source in sources.values()), 0

    def done(images: int) -> None:
        nonlocal there
        there += images
        progress(there, total)

    progress(0, total)
    return {split: check(source, done) for split, source in sources.items()}


def _show(name: str, found: Mapping[str, Found]) -> None:
    table = Table(title=name)
    table.add_column("split")
    for column in ("images", "expected", "classes", "unusable"):
        table.add_column(column, justify="right")
    for split, of in found.items():
        expected = IMAGES.get(split) if name == imagenet.NAME else None
        classes = f"{of.classes:,} of {of.num_classes:,}"
        table.add_row(split, f"{of.images:,}", f"{expected:,}" if expected else "", classes, f"{len(of.unusable):,}")
    console = tables.output()
    console.print(table)
    lines = [as_line(line) for of in found.values() for line in of.unusable]
    for line in lines[:_MOST_LINES]:
        console.print(line, markup=False, soft_wrap=True)
    if len(lines) > _MOST_LINES:
        console.print(f"... and {len(lines) - _MOST_LINES:,} more")


class _Progress:
    """Shows how many images of how many are done; nothing until the first call."""

    def __init__(self, name: str):
        self._name, self._display = name, make_display(tables.progress())
        self._started: float | None = None
        self._first = 0

    def __enter__(self) -> _Progress:
        return self

    def __exit__(self, *_) -> None:
        self._display.finish()

    def __call__(self, done: int, total: int) -> None:
        if self._started is None:
            self._started, self._first = time.monotonic(), done
            self._display.start(self._name, total)
        seconds = time.monotonic() - self._started
        self._display.step(done, {}, (done - self._first) / seconds if seconds else 0.0)
