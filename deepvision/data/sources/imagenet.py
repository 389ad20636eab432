"""What is known of ImageNet 2012 (ILSVRC), from the lists that come with TFDS: its classes, and those of validation.

Source: Russakovsky et al. 2015 (1409.0575), table 2, for the counts.
"""

from __future__ import annotations

import functools
import re

IMAGES = {"train": 1_281_167, "validation": 50_000}
_VALIDATION = re.compile(r"ILSVRC2012_val_(\d{8})\.JPEG")


@functools.cache
def synsets() -> tuple[str, ...]:
    """Returns the names of the 1000 classes, n01440764 ..., in the order of their numbers, which is alphabetical."""
    return _lines("labels.txt")


def validation_synset(name: str) -> str | None:
    """Returns the class of a file ILSVRC2012_val_00000001.JPEG; None: it has no such name."""
    match = _VALIDATION.fullmatch(name)
    if match is None or not 1 <= int(match[1]) <= IMAGES["validation"]:
        return None
    return _lines("validation_labels.txt")[int(match[1]) - 1]


@functools.cache
def _lines(file: str) -> tuple[str, ...]:
    import tensorflow_datasets as tfds

    return tuple(tfds.core.tfds_path(f"datasets/imagenet2012/{file}").read_text().split())
