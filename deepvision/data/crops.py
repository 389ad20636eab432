"""Crops of stored images, made while they are decoded: `config.data.train_crop` and `config.data.eval_crop`.

Each is a function (image, size, channels, draw, arguments) -> uint8 [size, size, channels]:

    image       as it is stored: the bytes of a file, its path, or uint8 [h, w, c]
    draw        float64 [DRAWS] in [0, 1), the example's own; None: nothing may be drawn, as in evaluation
"""

from __future__ import annotations

import functools
import math
from pathlib import Path
from typing import NamedTuple

import numpy as np

from deepvision.checks import check_count, check_flag
from deepvision.data import jpeg
from deepvision.data.images import check_pixels, decode, fit, read_bytes
from deepvision.errors import UserError

TRIES = 10
DRAWS = 2 * TRIES + 2  # two for each try, two for the place
_BLOCKS = -(-DRAWS // 4)  # counts of Philox, four words each, that an example has for itself
_KEY = 2**64 - 2  # no epoch has this number, nor has what order.py draws


class Box(NamedTuple):
    """A part of an image, in its pixels."""

    top: int
    left: int
    height: int
    width: int


def draws(seed: int, positions: np.ndarray) -> np.ndarray:
    """Returns what the examples at these positions of the endless order draw, float64 [n, DRAWS] in [0, 1).

    A pure function of the seed and the position, as `order` is.
    """
    first, last = int(positions.min()), int(positions.max())
    counter, key = [first * _BLOCKS, 0, 0, 0], np.array([seed % 2**64, _KEY], np.uint64)
    words = np.random.Philox(key=key, counter=counter).random_raw(4 * _BLOCKS * (last - first + 1))
    words = words.reshape(-1, 4 * _BLOCKS)[np.asarray(positions) - first, :DRAWS]
    return (words >> np.uint64(11)) * 2.0**-53


def random_resized(
    image: bytes | Path | np.ndarray,
    size: int,
    channels: int,
    draw: np.ndarray,
    area: tuple[float, float] = (0.08, 1.0),
    ratio: tuple[float, float] = (3 / 4, 4 / 3),
    antialias: bool = True,
) -> np.ndarray:
    """Cuts a part whose share of the area and whose aspect ratio are drawn, and resizes it to the square.

    The share is uniform in `area`, the logarithm of the ratio in that of `ratio`; after ten parts that do not fit into
    the image, the largest centred one of a valid ratio. A JPEG is decoded at 1/2, 1/4 or 1/8 where that leaves at least
    `size` pixels. What is left is reduced by averages over areas; where a side is enlarged, or with `antialias=False`,
    between four pixels: that is faster, and skips pixels if it reduces.

    Source: Szegedy et al. 2015 (1409.4842), section 6, with the parts of torchvision's RandomResizedCrop.
    """
    height, width, read = _opened(image, channels)
    box = random_box(height, width, draw, area, ratio)
    factor = jpeg.factor((box.height, box.width), size)
    pixels, factor = read(factor)
    return _resized(_part(pixels, box, factor), size, antialias)


def center(
    image: bytes | Path | np.ndarray, size: int, channels: int, draw: np.ndarray | None, resize: int | None = None
) -> np.ndarray:
    """Resizes the shorter side to `resize` pixels, antialiased, and cuts the central square; nothing is drawn.

    Without `resize`, 8/7 of the size: 256 for 224, as in Krizhevsky et al. 2012, section 5.1, and papers since. The
    pixels are those of torchvision's Resize and CenterCrop on Pillow images, but for rounding.

    Raises:
        UserError: `resize` is less than the size.
    """
    from PIL import Image

    resize = round(size * 8 / 7) if resize is None else resize
    if resize < size:
        raise UserError(f"crop center: resize = {resize} is less than data.image_size = {size}")
    pixels = fit(image if isinstance(image, np.ndarray) else decode(image, channels), None, channels)
    height, width = pixels.shape[:2]
    short = min(height, width)
    tall, wide = (resize * side // short for side in (height, width))
    top, left = round((tall - size) / 2), round((wide - size) / 2)
    box = (left * width / wide, top * height / tall, (left + size) * width / wide, (top + size) * height / tall)
    plain = Image.fromarray(pixels[..., 0] if channels == 1 else pixels)
    return np.asarray(plain.resize((size, size), Image.Resampling.BILINEAR, box=box)).reshape(size, size, channels)


CROPS = {"random_resized": random_resized, "center": center}
RANDOM = ("random_resized",)
for _crop in CROPS.values():
    _crop.site_arguments = ("image", "size", "channels", "draw")  # what the reader gives; the rest is the user's


def check_crop(name: str, arguments: dict) -> None:
    """Raises a UserError unless the arguments of a crop mean something."""
    for what, low, high in (("area", 0, 1), ("ratio", 0, math.inf)):
        span = arguments.get(what)
        if span is not None and not _is_span(span, low, high):
            most = f", at most {high}" if high < math.inf else ""
            raise UserError(f"crop {name}: {what} must be two numbers in ascending order above 0{most}, got {span!r}")
    if "antialias" in arguments:
        check_flag(f"crop {name}", "antialias", arguments["antialias"])
    if arguments.get("resize") is not None:
        check_count(f"crop {name}", "resize", arguments["resize"])


def random_box(height: int, width: int, draw: np.ndarray, area: tuple[float, float], ratio: tuple[float, float]) -> Box:
    """Returns the part that `random_resized` cuts from an image of this size."""
    low, high = math.log(ratio[0]), math.log(ratio[1])
    for share, shape in draw[: 2 * TRIES].reshape(TRIES, 2).tolist():
        pixels = height * width * (area[0] + share * (area[1] - area[0]))
        aspect = math.exp(low + shape * (high - low))
        tall, wide = round(math.sqrt(pixels / aspect)), round(math.sqrt(pixels * aspect))
        if 0 < tall <= height and 0 < wide <= width:
            top, left = (draw[2 * TRIES :] * (height - tall + 1, width - wide + 1)).astype(int).tolist()
            return Box(top, left, tall, wide)
    aspect = min(max(width / height, ratio[0]), ratio[1])
    tall, wide = min(height, round(width / aspect)), min(width, round(height * aspect))
    tall, wide = max(tall, 1), max(wide, 1)
    return Box((height - tall) // 2, (width - wide) // 2, tall, wide)


def _opened(image: bytes | Path | np.ndarray, channels: int):
    """Returns the height and the width of a stored image, from its header, and how to read it.

    That is a function of the factor to reduce it by, which returns the pixels and the factor they are reduced by.
    """
    if isinstance(image, Path):
        image = read_bytes(image)
    size = None if isinstance(image, np.ndarray) else jpeg.size(image)
    if size is None:
        pixels = fit(image if isinstance(image, np.ndarray) else decode(image, channels), None, channels)
        return *pixels.shape[:2], lambda factor: (pixels, 1)
    check_pixels(*size)

    def read(factor: int) -> tuple[np.ndarray, int]:
        pixels = jpeg.decode(image, *size, channels, factor)
        return (decode(image, channels), 1) if pixels is None else (pixels, factor)

    return *size, read


def _part(pixels: np.ndarray, box: Box, factor: int) -> np.ndarray:
    """Returns the part of an image that is reduced by a factor already."""
    top, left = round(box.top / factor), round(box.left / factor)
    bottom, right = (round((start + side) / factor) for start, side in zip(box[:2], box[2:], strict=True))
    return pixels[top : max(bottom, top + 1), left : max(right, left + 1)]


def _resized(part: np.ndarray, size: int, antialias: bool) -> np.ndarray:
    cv2 = _opencv()
    reduced = antialias and min(part.shape[:2]) >= size
    how = cv2.INTER_AREA if reduced else cv2.INTER_LINEAR
    return cv2.resize(part, (size, size), interpolation=how).reshape(size, size, part.shape[-1])


@functools.cache
def _opencv():
    import cv2

    cv2.setNumThreads(0)  # the workers are many already
    return cv2


def _is_span(span: object, low: float, high: float) -> bool:
    numbers = isinstance(span, tuple) and len(span) == 2 and all(isinstance(x, int | float) for x in span)
    return numbers and low < span[0] <= span[1] <= high
