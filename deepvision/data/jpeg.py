"""JPEG by libjpeg-turbo (simplejpeg), reduced while it is decoded. What it cannot do is left to Pillow.

A reduction by 2, 4 or 8 takes that many fewer frequencies of each block to its pixels: what is not needed is not made.
Whole, the pixels are those of Pillow, to the bit.
"""

from __future__ import annotations

import numpy as np

FACTORS = (8, 4, 2, 1)  # of a reduction; libjpeg-turbo has more, but is slow at those
_START = b"\xff\xd8\xff"
_COLOURS = {1: "GRAY", 3: "RGB"}
_PLAIN = ("YCbCr", "RGB", "Gray")  # not CMYK, in which Pillow knows the inverted one of Adobe


def size(data: bytes) -> tuple[int, int] | None:
    """Reads the height and width from the header of a file; None: it is no JPEG, or one for Pillow."""
    if not data.startswith(_START):
        return None
    import simplejpeg

    try:
        height, width, colour, _ = simplejpeg.decode_jpeg_header(data)
    except ValueError:
        return None
    return (height, width) if colour in _PLAIN else None


def decode(data: bytes, height: int, width: int, channels: int, factor: int) -> np.ndarray | None:
    """Decodes a file of `size` height and width to uint8 [ceil(height / factor), ceil(width / factor), channels].

    One channel is the luma as it is stored. None: there is something amiss with the file, of which Pillow has the say.
    """
    import simplejpeg

    least = {} if factor == 1 else {"min_height": -(-height // factor), "min_width": -(-width // factor)}
    try:
        return simplejpeg.decode_jpeg(data, colorspace=_COLOURS[channels], strict=True, **least)
    except ValueError:
        return None


def factor(sides: tuple[int, int], wanted: int) -> int:
    """Returns by how much a part of an image may be reduced so that neither of its sides is less than `wanted`."""
    return next((factor for factor in FACTORS if min(sides) >= factor * wanted), 1)
