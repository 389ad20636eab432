"""Images without a class, of any sizes: alone, or with a mask that gives the class of every pixel.

`config.data.path` is the root, and a split is a folder in it. Alone, `config.data.name = "images"`:

    root/Train400/test_001.png  ...  root/Set12/01.png

With masks, `config.data.name = "image_masks"`, files of one stem are a pair, in either layout:

    root/train/image/0.png  root/train/label/0.png      root/train/0001.jpg  root/trainannot/0001.png
"""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from deepvision.data.images import decode, decode_mask, stored_shape
from deepvision.data.sources.base import Example, SourceInfo
from deepvision.data.sources.image_folder import SUFFIXES, image_files, subfolders
from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

# Where images and masks of a split lie below the root.
LAYOUTS = (("{split}/image", "{split}/label"), ("{split}", "{split}annot"))


class ImageSetSource:
    """One split of a set of images, in the order of their names, numbers in them being compared as numbers.

    The channels of the first image count as those of all.

    Args:
        name: "images" or "image_masks".
        root: the folder that holds one folder per split.
        split: the name of such a folder or a part of it, in the syntax of TFDS.
        masked: whether there are masks.

    Raises:
        UserError: no such folder or split, no image in it, or an image without a mask.
    """

    def __init__(self, name: str, root: str, split: str, masked: bool):
        if not Path(root).is_dir():
            raise UserError(f"no such folder: {root} (data.path)")
        found = {folder.name: _pairs(Path(root), folder.name, masked) for folder in subfolders(Path(root))}
        found = {split: pairs for split, pairs in found.items() if pairs}
        if not found:
            looked = " or ".join(" beside ".join(layout) for layout in LAYOUTS) if masked else "{split}/*"
            raise UserError(f"no images in {root} (data.path): {looked} is looked for, {', '.join(SUFFIXES)}")
        pieces = parse_split(split, {name: len(pairs) for name, pairs in found.items()}, root)
        self._examples = [(name, *pair) for name, part in pieces for pair in found[name][part]]
        try:
            shape = stored_shape(self._examples[0][1])
        except Exception as error:  # whatever Pillow raises on a broken file
            raise UserError(f"cannot read {self._examples[0][1]}: {error}") from error
        self.info = SourceInfo(name, split, 0, None, (None, None, shape[-1]))

    def __len__(self) -> int:
        return len(self._examples)

    def __getitem__(self, index: int) -> Example:
        _, file, mask = self._examples[index]
        example = {"image": decode(file, stored_shape(file)[-1])}
        return example if mask is None else {**example, "mask": self._mask(mask, example["image"])}

    def where(self, index: int) -> str:
        return str(self._examples[index][1])

    def called(self, index: int) -> str:
        """Returns "split/file" of an image: the same wherever the root is."""
        split, file, _ = self._examples[index]
        return f"{split}/{file.name}"

    def size(self, index: int) -> tuple[int, int]:
        """Returns the height and width of an image, from its header."""
        return stored_shape(self._examples[index][1])[:2]

    def _mask(self, file: Path, image: np.ndarray) -> np.ndarray:
        mask = decode_mask(file)
        if mask.shape != image.shape[:2]:
            sizes = " and ".join(f"{x.shape[0]}x{x.shape[1]}" for x in (mask, image))
            raise UserError(f"its mask {file} has another size: {sizes}")
        return mask


def open_images(name: str, split: str, data_dir: str, path: str) -> ImageSetSource:
    """Opens `config.data`; only `split` and `path` matter here."""
    return ImageSetSource(name, _root(name, path), split, masked=False)


def open_image_masks(name: str, split: str, data_dir: str, path: str) -> ImageSetSource:
    """Opens `config.data`; only `split` and `path` matter here."""
    return ImageSetSource(name, _root(name, path), split, masked=True)


def _root(name: str, path: str) -> str:
    if not path:
        raise UserError(f"data.name is {name}: data.path must name its root folder")
    return path


def _pairs(root: Path, split: str, masked: bool) -> list[tuple[Path, Path | None]]:
    """Returns the images of a split with their masks; none where the folder is no split."""
    if not masked:
        return [(file, None) for file in sorted(image_files(root / split), key=_natural)]
    for images, masks in LAYOUTS:
        folder, beside = root / images.format(split=split), root / masks.format(split=split)
        if folder.is_dir() and beside.is_dir():
            stems = {file.stem: file for file in image_files(beside)}
            files = sorted(image_files(folder), key=_natural)
            lonely = [file for file in files if file.stem not in stems]
            if lonely:
                raise UserError(f"{lonely[0]} has no mask: {beside} holds no image of that name")
            return [(file, stems[file.stem]) for file in files]
    return []


def _natural(file: Path) -> list[tuple[str, int]]:
    """Returns a key by which "2.png" stands in front of "10.png"."""
    parts = re.split(r"(\d+)", file.name)
    return [(text, int(number)) for text, number in zip(parts[::2], [*parts[1::2], "0"], strict=True)]
