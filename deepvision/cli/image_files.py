"""The images that a command line names."""

from __future__ import annotations

import collections
import sys
from collections.abc import Sequence
from pathlib import Path

from deepvision.errors import UserError, as_line, out_of_memory

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff", ".ppm")


def images_of(words: Sequence[str]) -> list[Path]:
    """Returns the files that are named, the images of a folder in its place.

    Raises:
        UserError: a folder has none.
    """
    files = []
    for word in words:
        path = Path(word)
        inside = _inside(path) if path.is_dir() else [path]
        if not inside:
            raise UserError(f"there is no image in {path}")
        files += inside
    return files


def same_name(folder: Path) -> dict[str, Path]:
    """Returns the images of a folder by their names without suffix.

    Raises:
        UserError: there is no such folder.
    """
    if not folder.is_dir():
        raise UserError(f"no such folder: {folder}")
    return {file.stem: file for file in _inside(folder)}


def names_of(files: Sequence[Path]) -> list[str]:
    """Returns what to call the results: names without suffix, or where these are not different, whole paths."""
    count = collections.Counter(file.stem for file in files)
    return [file.stem if count[file.stem] == 1 else "_".join(file.parts).strip("/_") for file in files]


def report(file: Path, error: Exception) -> None:
    """Prints one line for an image that cannot be used, or for which memory does not suffice.

    Raises:
        Exception: the error itself, if it is any other: a defect.
    """
    if not isinstance(error, UserError) and not out_of_memory(error):
        raise error
    print(f"error: {as_line(file)}: {str(error).splitlines()[0]}", file=sys.stderr)


def _inside(folder: Path) -> list[Path]:
    return sorted(file for file in folder.iterdir() if file.suffix.lower() in _SUFFIXES)
