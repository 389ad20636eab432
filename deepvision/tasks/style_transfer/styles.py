"""The images whose styles are given to others: one file, or a folder of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from deepvision.data.images import fit
from deepvision.data.picture_files import read_picture, rounded
from deepvision.data.sources.image_folder import image_files
from deepvision.errors import UserError


def read_style(file: Path, size: int | None) -> np.ndarray:
    """Returns the image of a style, uint8 [h, w, 3]; with a size, its largest centred square brought to that.

    Raises:
        UserError: it cannot be read; names the file.
    """
    try:
        return fit(rounded(read_picture(file).pixels), size, 3)
    except UserError as error:
        raise UserError(f"style_transfer.image: {file}: {error}") from error


def style_files(path: str) -> list[Path]:
    """Returns the one file, or the images of a folder.

    Raises:
        UserError: there is nothing of that name, or no image in it.
    """
    if not path:
        raise UserError("style_transfer.image must name a file: the image whose style others are to be given")
    if not Path(path).is_dir():
        return [Path(path)]
    files = image_files(Path(path))
    if not files:
        raise UserError(f"style_transfer.image: there is no image in {path}")
    return files
