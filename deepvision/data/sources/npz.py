"""Arrays in a .npz file: `config.data.name = "npz"`, `config.data.path` names the file."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from deepvision.array_files import npz_names, read_npz
from deepvision.data.sources.base import Example, SourceInfo, Stored
from deepvision.data.sources.splits import parse_split
from deepvision.errors import UserError

# (images, labels) of each split, by layout.
LAYOUTS = (
    {"train": ("train_images", "train_labels"), "test": ("test_images", "test_labels")},
    {"train": ("x_train", "y_train"), "test": ("x_test", "y_test")},  # as in keras.datasets
)
_MOST_CLASSES = 1_000_000


class NpzSource:
    """One split of a .npz file; images uint8 [n, h, w] or [n, h, w, c], labels integers [n] or [n, 1].

    Args:
        path: the file.
        split: "train", "test" or a part, in the syntax of TFDS.

    Raises:
        UserError: no such file or split, or arrays that are missing or not as above.
    """

    def __init__(self, path: str, split: str):
        splits = _load(path)
        pieces = parse_split(split, {name: len(labels) for name, (_, labels) in splits.items()}, path)
        if len({splits[name][0].shape[1:] for name, _ in pieces}) > 1:
            raise UserError(f"{path}: the images of split {split!r} differ in shape")
        self._images = np.concatenate([splits[name][0][part] for name, part in pieces])
        self._labels = np.concatenate([splits[name][1][part] for name, part in pieces])
        num_classes = 1 + max(int(labels.max(initial=0)) for _, labels in splits.values())
        self._path = path
        self.info = SourceInfo("npz", split, num_classes, None, self._images.shape[1:])

    def __len__(self) -> int:
        return len(self._labels)

    def __getitem__(self, index: int) -> Example:
        return {"image": self._images[index], "label": int(self._labels[index])}

    def stored(self, indices: Sequence[int]) -> list[Stored]:
        return [Stored(self._images[index], int(self._labels[index])) for index in indices]

    def where(self, index: int) -> str:
        return f"image {index} of split {self.info.split!r} in {self._path}"


def open_npz(name: str, split: str, data_dir: str, path: str) -> NpzSource:
    """Opens `config.data`; only `split` and `path` matter here."""
    if not path:
        raise UserError("data.name is npz: data.path must name the .npz file")
    return NpzSource(path, split)


def _load(path: str) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Returns (images uint8 [n, h, w, c], labels int32 [n]) of both splits."""
    if not Path(path).is_file():
        raise UserError(f"no such file: {path} (data.path)")
    try:
        found = npz_names(Path(path))
        layout = max(LAYOUTS, key=lambda keys: sum(key in found for pair in keys.values() for key in pair))
        wanted = [key for pair in layout.values() for key in pair]
        missing = [key for key in wanted if key not in found]
        if missing:
            raise UserError(f"{path} (data.path) has no array {missing[0]!r}; it has {', '.join(found) or 'none'}")
        arrays = read_npz(Path(path), wanted)
    except UserError:
        raise
    except (OSError, ValueError) as error:
        raise UserError(f"cannot read {path} (data.path): it is not a .npz file of plain arrays ({error})") from error
    return {split: _checked(path, arrays, *keys) for split, keys in layout.items()}


def _checked(
    path: str, arrays: Mapping[str, np.ndarray], images_key: str, labels_key: str
) -> tuple[np.ndarray, np.ndarray]:
    """Returns images [n, h, w, c] and labels [n] of one split, or raises what is wrong with them."""
    images, labels = arrays[images_key], arrays[labels_key]
    if images.dtype != np.uint8 or images.ndim not in (3, 4):
        found = f"{images.dtype} {list(images.shape)}"
        raise UserError(f"{path}: {images_key!r} must be uint8 [n, h, w] or [n, h, w, c], it is {found}")
    images = images[..., np.newaxis] if images.ndim == 3 else images
    if images.shape[-1] not in (1, 3):
        raise UserError(f"{path}: {images_key!r} must have 1 or 3 channels, it has {images.shape[-1]}")
    if 0 in images.shape[1:]:
        raise UserError(f"{path}: {images_key!r} has no pixel, it is {list(images.shape)}")
    if not np.issubdtype(labels.dtype, np.integer) or labels.shape not in ((len(images),), (len(images), 1)):
        found = f"{labels.dtype} {list(labels.shape)}"
        raise UserError(f"{path}: {labels_key!r} must be integers [{len(images)}], one per image, it is {found}")
    if labels.min(initial=0) < 0:
        raise UserError(f"{path}: {labels_key!r} has a negative label, {labels.min()}")
    if labels.max(initial=0) >= _MOST_CLASSES:
        raise UserError(f"{path}: {labels_key!r} has the label {labels.max()}: classes are numbered 0, 1, 2 ...")
    return images, labels.reshape(-1).astype(np.int32)
