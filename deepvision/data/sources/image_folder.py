"""Image files sorted into folders: `config.data.name = "image_folder"`, `config.data.path` is the root.

    root/train/cat/1.jpg  root/train/dog/2.png  ...  root/test/cat/3.jpg

Layout and order of the examples are those of `tfds.folder_dataset.ImageFolder`, which itself needs TensorFlow.
"""

from __future__ import annotations

import random
from pathlib import Path

from deepvision.data.images import decode, stored_shape
from deepvision.data.sources.base import Example, SourceInfo
from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

SUFFIXES = (".png", ".jpg", ".jpeg", ".webp", ".bmp")


class ImageFolderSource:
    """One split of a folder root/split/class/image; classes are numbered by the sorted names over all splits.

    The size and the channels of the first image of the split count as those of all.

    Args:
        root: the folder that holds one folder per split.
        split: the name of such a folder or a part of it, in the syntax of TFDS.

    Raises:
        UserError: no such folder or split, or no image in it.
    """

    def __init__(self, root: str, split: str):
        if not Path(root).is_dir():
            raise UserError(f"no such folder: {root} (data.path)")
        files = {folder.name: _files(folder) for folder in subfolders(Path(root))}
        files = {name: found for name, found in files.items() if found}
        if not files:
            raise UserError(f"no images in {root} (data.path): split/class/image is looked for, {', '.join(SUFFIXES)}")
        pieces = parse_split(split, {name: len(found) for name, found in files.items()}, root)
        self._files = [file for name, part in pieces for file in files[name][part]]
        names = tuple(sorted({file.parent.name for found in files.values() for file in found}))
        self._labels = {name: label for label, name in enumerate(names)}
        try:
            shape = stored_shape(self._files[0])
        except Exception as error:  # whatever Pillow raises on a broken file
            raise UserError(f"cannot read {self._files[0]}: {error}") from error
        self.info = SourceInfo("image_folder", split, len(names), names, shape)

    def __len__(self) -> int:
        return len(self._files)

    def __getitem__(self, index: int) -> Example:
        file = self._files[index]
        return {"image": decode(file, self.info.image_shape[-1]), "label": self._labels[file.parent.name]}

    def where(self, index: int) -> str:
        return str(self._files[index])


def open_image_folder(name: str, split: str, data_dir: str, path: str) -> ImageFolderSource:
    """Opens `config.data`; only `split` and `path` matter here."""
    if not path:
        raise UserError("data.name is image_folder: data.path must name its root folder")
    return ImageFolderSource(path, split)


def _files(split: Path) -> list[Path]:
    """Returns the images of a split, in an order that mixes the classes and is the same everywhere."""
    classes = {folder: image_files(folder) for folder in subfolders(split)}
    files = [file for found in classes.values() for file in found]
    empty = [folder for folder, found in classes.items() if not found]
    if files and empty:
        raise UserError(f"{empty[0]} holds no image: fill it, or remove the folder if there is no such class")
    random.Random(split.name).shuffle(files)
    return files


def image_files(folder: Path) -> list[Path]:
    """Returns the images in a folder, sorted."""
    return [file for file in sorted(folder.iterdir()) if file.suffix.lower() in SUFFIXES]


def subfolders(root: Path) -> list[Path]:
    """Returns the folders in a folder that are not hidden, sorted."""
    return sorted(folder for folder in root.iterdir() if folder.is_dir() and not folder.name.startswith("."))
