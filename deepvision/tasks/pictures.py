"""Pictures of what a task was given and made of it: uint8 [h, w, 3], by name, and several side by side."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

Pictures = dict[str, np.ndarray]

_GAP = 4  # pixels between pictures
_LINE = 16  # pixels, of the names above them


def to_rgb(values: np.ndarray) -> np.ndarray:
    """Returns values of 0 to 255, [h, w, 1 or 3], as a picture; a half is rounded up."""
    pixels = np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)
    return np.repeat(pixels, 3, axis=-1) if pixels.shape[-1] == 1 else pixels


def class_colours(count: int = 256) -> np.ndarray:
    """Returns a colour for each class, uint8 [count, 3]: black, dark red, dark green, ...

    The bits of a class, three by three from the lowest, are the bits of red, green and blue from the highest down.

    Source: `VOClabelcolormap` of the PASCAL VOC development kit.
    """
    classes, colours = np.arange(count), np.zeros((count, 3), np.uint8)
    for bit in range(8):
        for channel in range(3):
            colours[:, channel] |= ((classes >> (3 * bit + channel) & 1) << (7 - bit)).astype(np.uint8)
    return colours


def side_by_side(pictures: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns one picture [h, w, 3] of several, each below its name."""
    from PIL import Image, ImageDraw

    height = max(picture.shape[0] for picture in pictures.values())
    width = sum(picture.shape[1] for picture in pictures.values()) + _GAP * (len(pictures) - 1)
    sheet = Image.new("RGB", (width, height + _LINE), "white")
    draw, left = ImageDraw.Draw(sheet), 0
    for name, picture in pictures.items():
        draw.text((left + 1, 2), name, fill="black")
        sheet.paste(Image.fromarray(picture), (left, _LINE))
        left += picture.shape[1] + _GAP
    return np.asarray(sheet)
