"""Encoded images to arrays, and arrays to the size and channels that a network asks for. On the host, with Pillow."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from deepvision.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

# By the content of a file; Pillow knows more of them, some of which run other programs.
FORMATS = ("BMP", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
LARGEST = 16_384  # pixels along a side that anything is brought to
MOST_BYTES = 2**28  # of a file
_EIGHT_BIT = {"1": 1, "L": 1, "LA": 1, "P": 3, "PA": 3, "RGB": 3, "RGBA": 3, "RGBX": 3, "CMYK": 3, "YCbCr": 3}
_MODES = {1: "L", 3: "RGB"}


@contextlib.contextmanager
def opened(file: bytes | Path) -> Iterator[Image.Image]:
    """Opens an image, of which nothing but the header is decoded yet.

    Raises:
        UserError: there is no such file, or its header claims more pixels than Pillow decodes.
        Exception: whatever Pillow raises on broken bytes.
    """
    from PIL import Image

    if isinstance(file, Path):
        _check_is_file(file)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # at half of what is an error
            image = Image.open(io.BytesIO(file) if isinstance(file, bytes) else file, formats=FORMATS)
    except Image.DecompressionBombError:
        largest = 2 * Image.MAX_IMAGE_PIXELS
        raise UserError(f"it claims more than {largest:,} pixels, which are not decoded: make it smaller") from None
    with image:
        yield image


def decode(file: bytes | Path, channels: int) -> np.ndarray:
    """Decodes an image file to uint8 [h, w, channels].

    Gray is repeated over three channels; colour becomes luma (ITU-R 601-2) in one; an alpha channel is dropped.

    Raises:
        UserError: the image has more than 8 bits per channel.
        Exception: whatever Pillow raises on broken bytes.
    """
    with opened(file) as image:
        _stored_channels(image.mode)
        if "transparency" in image.info:  # of a palette: Pillow warns of what it drops
            image = image.convert("RGBA")
        return _with_channel_axis(np.asarray(image.convert(_MODES[channels])))


def decode_mask(file: Path) -> np.ndarray:
    """Decodes an image file of values, or of places in a palette, to uint8 [h, w].

    Raises:
        UserError: its pixels are no single values of 8 bits.
        Exception: whatever Pillow raises on broken bytes.
    """
    with opened(file) as image:
        if image.mode not in ("1", "L", "P"):
            raise UserError(f"the pixels of its mask {file} are {image.mode}; a mask has one value of 8 bits for each")
        return np.asarray(image.convert("L") if image.mode == "1" else image)


def read_bytes(file: Path) -> bytes:
    """Reads a file of an image.

    Raises:
        UserError: there is no such file, or it is larger than any image that is decoded.
    """
    _check_is_file(file)
    if file.stat().st_size > MOST_BYTES:
        raise UserError(f"its file has {file.stat().st_size:,} bytes; at most {MOST_BYTES:,} are read")
    return file.read_bytes()


def check_pixels(height: int, width: int) -> None:
    """Raises a UserError for an image of more pixels than Pillow decodes, before there is room for them."""
    from PIL import Image

    largest = 2 * Image.MAX_IMAGE_PIXELS
    if height * width > largest:
        raise UserError(f"it claims more than {largest:,} pixels, which are not decoded: make it smaller")


def studio_luma(image: np.ndarray) -> np.ndarray:
    """Returns the luma, uint8 [h, w, 1], of an image uint8 [h, w, c] in studio swing, 16 to 235; of gray, itself.

    round(16 + (65.481 R + 128.553 G + 24.966 B) / 255), as `rgb2ycbcr` of MATLAB.

    Source: ITU-R BT.601, section 2.5.1.
    """
    if image.shape[-1] == 1:
        return image
    luma = 16 + image.astype(np.float64) @ np.array([65.481, 128.553, 24.966]) / 255
    return np.floor(luma + 0.5).astype(np.uint8)[..., np.newaxis]


def stored_shape(file: Path) -> tuple[int, int, int]:
    """Reads (height, width, channels) from the header of an image file; channels is 1 for gray and 3 for colour."""
    with opened(file) as image:
        return image.height, image.width, _stored_channels(image.mode)


def fit(image: np.ndarray, size: int | None, channels: int, how: str = "resize") -> np.ndarray:
    """Returns a uint8 [h, w, c] image as [size, size, channels].

    Args:
        image: of any size.
        size: in pixels; None keeps height and width. An image that fits already is returned as it is.
        channels: 1 or 3.
        how: "resize": the largest centred square is resized with Pillow's bilinear filter, whose support grows with the
            reduction (antialiased); "pad": zeros are put around, half of them on each side.

    Raises:
        UserError: the image is larger than it should be padded to.
    """
    from PIL import Image

    if image.shape[-1] == 1 and channels == 3:
        image = np.repeat(image, 3, axis=-1)
    elif image.shape[-1] != channels:
        image = _with_channel_axis(np.asarray(Image.fromarray(image).convert(_MODES[channels])))
    return image if size is None or image.shape[:2] == (size, size) else FITS[how](image, size)


def _resize(image: np.ndarray, size: int) -> np.ndarray:
    from PIL import Image

    height, width, channels = image.shape
    side = min(height, width)
    top, left = (height - side) // 2, (width - side) // 2
    square = image[top : top + side, left : left + side]
    square = Image.fromarray(square[..., 0] if channels == 1 else square)
    return _with_channel_axis(np.asarray(square.resize((size, size), Image.Resampling.BILINEAR)))


def _pad(image: np.ndarray, size: int) -> np.ndarray:
    height, width = image.shape[:2]
    if max(height, width) > size:
        raise UserError(f"it has {height}x{width} pixels, too many to be padded to {size}: set data.fit to 'resize'")
    top, left = (size - height) // 2, (size - width) // 2
    return np.pad(image, [(top, size - height - top), (left, size - width - left), (0, 0)])


FITS = {"resize": _resize, "pad": _pad}


def _check_is_file(file: Path) -> None:
    if not file.is_file():  # nor a pipe, which would be waited for
        raise UserError("it is a folder, not an image" if file.is_dir() else "there is no such file")


def _stored_channels(mode: str) -> int:
    if mode not in _EIGHT_BIT:
        raise UserError(f"its pixels are {mode}; only images of 8 bits per channel can be read")
    return _EIGHT_BIT[mode]


def _with_channel_axis(image: np.ndarray) -> np.ndarray:
    return image[..., np.newaxis] if image.ndim == 2 else image
