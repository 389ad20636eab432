"""Image files sorted into folders: `config.data.name = "image_folder"`, `config.data.path` is the root.

    root/train/cat/1.jpg  root/train/dog/2.png  ...  root/test/cat/3.jpg

Layout and order of the examples are those of `tfds.folder_dataset.ImageFolder`, which itself needs TensorFlow. The
validation images of ImageNet may also lie side by side, as they come: root/val/ILSVRC2012_val_00000001.JPEG.
"""

from __future__ import annotations

import contextlib
import os
import random
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from deepvision.data.images import stored_shape
from deepvision.data.sources.base import Example, SourceInfo, Stored, decoded
from deepvision.data.sources.imagenet import validation_synset
from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")
Files = tuple[np.ndarray, np.ndarray]  # paths below the root, bytes [n], and classes, int32 [n]


class ImageFolderSource:
    """One split of a folder root/split/class/image; classes are numbered by the sorted names over all splits.

    The size and the channels of the first image of the split that can be read count as those of all.

    Args:
        root: the folder that holds one folder per split.
        split: the name of such a folder or a part of it, in the syntax of TFDS.

    Raises:
        UserError: no such folder or split, or no image in it.
    """

    def __init__(self, root: str, split: str):
        names, splits = listed(Path(root))
        pieces = parse_split(split, {name: len(labels) for name, (_, labels) in splits.items()}, root)
        self._root = Path(root)
        # Arrays, not lists of paths: a worker process is sent them, and there may be a million.
        self._files = np.concatenate([splits[name][0][part] for name, part in pieces])
        self._labels = np.concatenate([splits[name][1][part] for name, part in pieces])
        self.info = SourceInfo("image_folder", split, len(names), names, self._first_shape())

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Example:
        return decoded(*self.stored([index]), self.info.image_shape[-1])

    def stored(self, indices: Sequence[int]) -> list[Stored]:
        return [Stored(self._file(index), int(self._labels[index])) for index in indices]

    def where(self, index: int) -> str:
        return str(self._file(index))

    def _file(self, index: int) -> Path:
        return self._root / os.fsdecode(self._files[index])

    def _first_shape(self) -> tuple[int, int, int]:
        for index in range(len(self)):
            with contextlib.suppress(Exception):  # whatever Pillow raises; what is broken is named when it is read
                return stored_shape(self._file(index))
        raise UserError(f"cannot read {self._file(0)}, nor any other image of split {self.info.split!r}")


def open_image_folder(name: str, split: str, data_dir: str, path: str) -> ImageFolderSource:
    """Opens `config.data`; only `split` and `path` matter here."""
    if not path:
        raise UserError("data.name is image_folder: data.path must name its root folder")
    return ImageFolderSource(path, split)


def listed(root: Path) -> tuple[tuple[str, ...], dict[str, Files]]:
    """Returns the names of the classes, and the files of each split in an order that mixes the classes.

    The order is the same everywhere.

    Raises:
        UserError: no such folder, no image in it, or a class without any.
    """
    if not root.is_dir():
        raise UserError(f"no such folder: {root} (data.path)")
    found = {folder.name: list(_classed(folder)) for folder in subfolders(root)}
    found = {split: files for split, files in found.items() if files}
    if not found:
        raise UserError(f"no images in {root} (data.path): split/class/image is looked for, {', '.join(SUFFIXES)}")
    names = sorted({name for files in found.values() for _, name in files})
    numbers = {name: number for number, name in enumerate(names)}
    splits = {}
    for split, files in found.items():
        random.Random(split).shuffle(files)
        paths = np.array([os.fsencode(f"{split}/{path}") for path, _ in files])
        splits[split] = paths, np.array([numbers[name] for _, name in files], np.int32)
    return tuple(names), splits


def image_files(folder: Path) -> list[Path]:
    """Returns the images in a folder, sorted."""
    return [folder / name for name in _image_names(folder)]


def subfolders(root: Path) -> list[Path]:
    """Returns the folders in a folder that are not hidden, sorted."""
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))


def _classed(split: Path) -> Iterator[tuple[str, str]]:
    """Yields the images of a split, as paths below it, with the names of their classes."""
    classes = {folder: _image_names(folder) for folder in subfolders(split)}
    empty = [folder for folder, found in classes.items() if not found]
    if empty and len(empty) < len(classes):
        raise UserError(f"{empty[0]} holds no image: fill it, or remove the folder if there is no such class")
    for folder, found in classes.items():
        yield from ((f"{folder.name}/{name}", folder.name) for name in found)
    if len(empty) == len(classes):
        synsets = {name: validation_synset(name) for name in _image_names(split)}
        yield from ((name, synset) for name, synset in synsets.items() if synset is not None)


def _image_names(folder: Path) -> list[str]:
    return sorted(name for name in os.listdir(folder) if os.path.splitext(name)[1].lower() in SUFFIXES)
