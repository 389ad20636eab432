"""Pictures in files as they come from cameras and microscopes: 8 or 16 bits, gray or colour, with alpha or without."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from deepvision.data.images import LARGEST, decode_mask, opened
from deepvision.errors import UserError

SMALLEST = 8  # pixels along a side
_PNG = b"\x89PNG\r\n\x1a\n"
_MODES = ("1", "L", "LA", "P", "PA", "RGB", "RGBA")  # of Pillow, with 8 bits
_DEEP = ("I;16", "I;16B", "I;16L", "I;16N")


@dataclasses.dataclass(frozen=True)
class Picture:
    """An image as it was stored.

    Attributes:
        pixels: float32 [h, w, c], 0 to 255 whatever the bits; c is 1 for gray, 3 for colour.
        alpha: float32 [h, w, 1], 0 to 255, or None.
        bits: 8 or 16, of the file.
    """

    pixels: np.ndarray
    alpha: np.ndarray | None = None
    bits: int = 8


def read_picture(file: Path) -> Picture:
    """Reads an image file; one turned by its camera (EXIF) is turned back.

    Raises:
        UserError: it cannot be read, its pixels are neither gray nor RGB of 8 or 16 bits, or it is too small or large.
    """
    with named("it cannot be read"):
        return _read(file)


def read_mask(file: Path) -> np.ndarray:
    """Reads a mask as `images.decode_mask` does; all that goes wrong is a UserError."""
    with named(f"its mask {file} cannot be read"):
        return decode_mask(file)


def write_picture(file: Path, picture: Picture) -> None:
    """Writes a PNG with the bits, and the alpha, of a picture; values beyond 0 and 255 are clipped."""
    from PIL import Image

    planes = [picture.pixels] if picture.alpha is None else [picture.pixels, picture.alpha]
    values = np.concatenate(planes, axis=-1)
    if picture.bits == 16:
        _write_deep_png(file, values)
    else:
        values = rounded(values)
        Image.fromarray(values[..., 0] if values.shape[-1] == 1 else values).save(file)


def rounded(values: np.ndarray) -> np.ndarray:
    """Returns values of 0 to 255 as uint8, a half rounded up."""
    return np.floor(np.clip(values, 0, 255) + 0.5).astype(np.uint8)


def _read(file: Path) -> Picture:
    from PIL import ImageOps

    with opened(file) as image:
        check_size(image.height, image.width)
        if image.mode not in _MODES + _DEEP:
            raise UserError(f"its pixels are {image.mode}; convert it to gray or RGB of 8 or 16 bits")
        image.load()
        if _is_deep_png(file):
            return _read_deep_png(file)
        if image.mode in _DEEP:
            return Picture(_scaled(np.asarray(image)[..., np.newaxis], 16), bits=16)
        image = ImageOps.exif_transpose(image)
        transparent = "transparency" in image.info or image.mode in ("LA", "PA", "RGBA")
        gray = image.mode in ("1", "L", "LA")
        values = np.asarray(image.convert(("LA" if gray else "RGBA") if transparent else "L" if gray else "RGB"))
    return _split(values.astype(np.float32).reshape(*values.shape[:2], -1), 8)


@contextlib.contextmanager
def named(what: str) -> Iterator[None]:
    """Makes a UserError of one line of anything that a decoder raises; `what` says what failed."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:  # on broken bytes, that may be any
        raise UserError(f"{what}: {(str(error) or type(error).__name__).splitlines()[0]}") from error


def check_size(height: int, width: int) -> None:
    """Raises UserError for an image that is too small or too large, in pixels."""
    if not SMALLEST <= min(width, height) <= max(width, height) <= LARGEST:
        raise UserError(f"it is {height}x{width} pixels; sides of {SMALLEST} to {LARGEST:,} are taken")


def _is_deep_png(file: Path) -> bool:
    with file.open("rb") as stream:
        start = stream.read(25)
    return start.startswith(_PNG) and start[-1] == 16


def _read_deep_png(file: Path) -> Picture:
    """Reads 16 bits of every channel, where Pillow reads the upper 8 of colour."""
    import png

    width, height, rows, info = png.Reader(filename=str(file)).asDirect()
    values = np.vstack([np.asarray(row, np.uint16) for row in rows]).reshape(height, width, info["planes"])
    return _split(_scaled(values, 16), 16)


def _write_deep_png(file: Path, values: np.ndarray) -> None:
    import png

    height, width, channels = values.shape
    deep = np.floor(np.clip(values, 0, 255).astype(np.float64) * 257 + 0.5).astype(np.uint16)
    writer = png.Writer(width, height, greyscale=channels < 3, alpha=channels in (2, 4), bitdepth=16)
    with file.open("wb") as stream:
        writer.write(stream, deep.reshape(height, -1))


def _split(values: np.ndarray, bits: int) -> Picture:
    """Returns a picture of values [h, w, c], with alpha where c is even."""
    if values.shape[-1] % 2:
        return Picture(values, None, bits)
    return Picture(values[..., :-1], values[..., -1:], bits)


def _scaled(values: np.ndarray, bits: int) -> np.ndarray:
    return (values * (255 / (2**bits - 1))).astype(np.float32)
