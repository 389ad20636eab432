"""Sources of labelled images, by `config.data.name`."""

from __future__ import annotations

from deepvision.data.sources.base import Example, Source, SourceInfo, Stored
from deepvision.data.sources.image_folder import open_image_folder
from deepvision.data.sources.image_sets import LAYOUTS, ImageSetSource, open_image_set
from deepvision.data.sources.npz import open_npz
from deepvision.data.sources.tfds import open_tfds
from deepvision.errors import UserError

__all__ = ["LAYOUTS", "SOURCES", "Example", "ImageSetSource", "Source", "SourceInfo", "Stored", "open_source"]

SOURCES = {  # any other name is one of TFDS
    "image_folder": open_image_folder,
    **dict.fromkeys(LAYOUTS, open_image_set),
    "npz": open_npz,
}


def open_source(name: str, split: str, data_dir: str = "", path: str = "") -> Source:
    """Opens one split of a data set; see `config.data` for the arguments.

    Raises:
        UserError: the data set, the split, the file or the folder is not there or not usable.
    """
    if not name:
        raise UserError("data.name is empty: name a data set")
    return SOURCES.get(name, open_tfds)(name, split, data_dir, path)
