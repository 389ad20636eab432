"""Images without a class, of any sizes: alone, with a mask that gives the class of every pixel, or degraded and whole.

`config.data.path` is the root, and a split is a folder in it. Alone, `config.data.name = "images"`:

    root/Train400/test_001.png  ...  root/Set12/01.png

With masks, `config.data.name = "image_masks"`, files of one stem are a pair, in either layout:

    root/train/image/0.png  root/train/label/0.png      root/train/0001.jpg  root/trainannot/0001.png

As a camera took them, and as they should be, `config.data.name = "image_pairs"`:

    root/train/input/0.png  root/train/target/0.png
"""

from __future__ import annotations

import contextlib
import copy
import re
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepvision.data.images import decode, decode_mask, stored_shape
from deepvision.data.picture_files import check_size, named
from deepvision.data.sources.base import Example, SourceInfo
from deepvision.data.sources.image_folder import SUFFIXES, image_files, subfolders
from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

# Where the images of a split, and what stands beside them, lie below the root.
LAYOUTS = {
    "images": (),
    "image_masks": (("{split}/image", "{split}/label"), ("{split}", "{split}annot")),
    "image_pairs": (("{split}/target", "{split}/input"),),
}


class ImageSetSource:
    """One split of a set of images, in the order of their names, numbers in them being compared as numbers.

    The channels of the first image that can be read count as those of all.

    Args:
        name: of `LAYOUTS`.
        root: the folder that holds one folder per split.
        split: the name of such a folder or a part of it, in the syntax of TFDS.

    Raises:
        UserError: no such folder or split, no image in it that can be read, or an image without its like.
    """

    def __init__(self, name: str, root: str, split: str):
        if not Path(root).is_dir():
            raise UserError(f"no such folder: {root} (data.path)")
        layouts = LAYOUTS[name]
        found = {folder.name: _pairs(Path(root), folder.name, layouts) for folder in subfolders(Path(root))}
        found = {split: pairs for split, pairs in found.items() if pairs}
        if not found:
            looked = " or ".join(" beside ".join(layout) for layout in layouts) or "{split}/*"
            raise UserError(f"no images in {root} (data.path): {looked} is looked for, {', '.join(SUFFIXES)}")
        pieces = parse_split(split, {name: len(pairs) for name, pairs in found.items()}, root)
        self._examples = [(name, *pair) for name, part in pieces for pair in found[name][part]]
        self.info = SourceInfo(name, split, 0, None, (None, None, self._channels()))

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        _, file, beside = self._examples[index]
        check_size(*stored_shape(file)[:2])
        image = _colour(file)
        if beside is None:
            return {"image": image}
        name, read = ("mask", decode_mask) if self.info.name == "image_masks" else ("input", _colour)
        with named(f"its {name} {beside} cannot be read"):
            plane = read(beside)
        if plane.shape[:2] != image.shape[:2]:
            sizes = " and ".join(f"{x.shape[0]}x{x.shape[1]}" for x in (plane, image))
            raise UserError(f"its {name} {beside} has another size: {sizes}")
        return {"image": image, name: plane}

    def where(self, index: int) -> str:
        return str(self._examples[index][1])

    def called(self, index: int) -> str:
        """Returns "split/file" of an image: the same wherever the root is."""
        split, file, _ = self._examples[index]
        return f"{split}/{file.name}"

    def size(self, index: int) -> tuple[int, int]:
        """Returns the height and width of an image, from its header.

        Raises:
            UserError: it cannot be read, or is too small or large; names its file.
        """
        try:
            size = stored_shape(self._examples[index][1])[:2]
            check_size(*size)
        except Exception as error:  # whatever Pillow raises on a broken file
            raise UserError(f"cannot read {self.where(index)}: {error}") from error
        return size

    def only(self, indices: Sequence[int]) -> ImageSetSource:
        """Returns the source of some of the examples, in this order."""
        made = copy.copy(self)
        made._examples = [self._examples[index] for index in indices]
        return made

    def _channels(self) -> int:
        for _, file, _ in self._examples:
            with contextlib.suppress(Exception):  # what is broken is named when it is read
                return stored_shape(file)[-1]
        raise UserError(f"cannot read {self._examples[0][1]}, nor any other image of split {self._examples[0][0]!r}")


def open_image_set(name: str, split: str, data_dir: str, path: str) -> ImageSetSource:
    """Opens `config.data`; only `name`, `split` and `path` matter here."""
    if not path:
        raise UserError(f"data.name is {name}: data.path must name its root folder")
    return ImageSetSource(name, path, split)


def _colour(file: Path) -> np.ndarray:
    """Returns an image uint8 [h, w, c] with the channels that it is stored with."""
    return decode(file, stored_shape(file)[-1])


def _pairs(root: Path, split: str, layouts: tuple[tuple[str, str], ...]) -> list[tuple[Path, Path | None]]:
    """Returns the images of a split with what stands beside them; none where the folder is no split."""
    if not layouts:
        return [(file, None) for file in sorted(image_files(root / split), key=_natural)]
    for images, others in layouts:
        folder, beside = root / images.format(split=split), root / others.format(split=split)
        if folder.is_dir() and beside.is_dir():
            stems = {file.stem: file for file in image_files(beside)}
            files = sorted(image_files(folder), key=_natural)
            lonely = [file for file in files if file.stem not in stems]
            if lonely:
                raise UserError(f"{lonely[0]} stands alone: {beside} holds no image of that name")
            return [(file, stems[file.stem]) for file in files]
    return []


def _natural(file: Path) -> list[tuple[str, int]]:
    """Returns a key by which "2.png" stands in front of "10.png"."""
    parts = re.split(r"(\d+)", file.name)
    return [(text, int(number)) for text, number in zip(parts[::2], [*parts[1::2], "0"], strict=True)]
