"""A set of images as networks see it: with so many channels, and masks that hold numbers of classes."""

from __future__ import annotations

import dataclasses

import numpy as np

from deepvision.data.borders import border_weight
from deepvision.data.images import fit, studio_luma
from deepvision.data.sources import ImageSetSource, SourceInfo
from deepvision.errors import UserError
from deepvision.types import IGNORE

LUMAS = ("full", "studio")


@dataclasses.dataclass(frozen=True)
class ImageSet:
    """A source whose images have one number of channels, and each its own size.

    Attributes:
        source: of the images, and of masks as they are stored.
        channels, luma, classes, ignore, border_weight, border_width: the fields of `config.data`.
    """

    source: ImageSetSource
    channels: int
    luma: str
    classes: tuple[int, ...]
    ignore: tuple[int, ...]
    border_weight: float
    border_width: float

    @property
    def info(self) -> SourceInfo:
        return dataclasses.replace(self.source.info, num_classes=len(self.classes))

    def __len__(self) -> int:
        return len(self.source)

    def where(self, index: int) -> str:
        return self.source.where(index)

    def __getitem__(self, index: int) -> dict[str, np.ndarray]:
        """Returns {"image": uint8 [h, w, c]}, and beside it what there is.

        That is "input" uint8 [h, w, c] of a pair, "mask" uint8 [h, w, 1], and "pixel_weight" float32 [h, w, 1] where
        borders are weighted.

        Raises:
            UserError: the example cannot be read, or its mask has a value that stands for nothing; names its file.
        """
        try:
            example = self.source[index]
            pictures = {name: example[name] for name in ("image", "input") if name in example}
            planes = {name: with_channels(image, self.channels, self.luma) for name, image in pictures.items()}
            if "mask" in example:
                planes["mask"] = numbered(example["mask"], self.classes, self.ignore)[..., np.newaxis]
            if self.border_weight:
                cells = planes["mask"][..., 0] == 1
                planes["pixel_weight"] = border_weight(cells, self.border_weight, self.border_width)[..., np.newaxis]
        except Exception as error:  # decoders raise anything on broken bytes
            raise UserError(f"cannot read {self.where(index)}: {error}") from error
        return planes


def with_channels(image: np.ndarray, channels: int, luma: str) -> np.ndarray:
    """Returns an image uint8 [h, w, c] with so many channels; colour becomes luma as `config.data.luma` says."""
    return studio_luma(image) if channels == 1 and luma == "studio" else fit(image, None, channels)


def numbered(values: np.ndarray, classes: tuple[int, ...], ignore: tuple[int, ...]) -> np.ndarray:
    """Returns the number of the class of every pixel of a mask uint8 [h, w], or `IGNORE`.

    Args:
        values: as stored.
        classes: the value that stands for each class.
        ignore: values that do not count.

    Raises:
        UserError: a value is in neither.
    """
    table = np.full(256, -1)
    table[list(ignore)] = IGNORE
    table[list(classes)] = np.arange(len(classes))
    numbers = table[values]
    if numbers.min(initial=0) < 0:
        value = values[numbers < 0][0]
        raise UserError(f"its mask has the value {value}, which is neither in data.classes nor in data.ignore")
    return numbers.astype(np.uint8)
