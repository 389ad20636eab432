"""Small JPEGs of the tests' own."""

from __future__ import annotations

import io

import numpy as np
from PIL import Image


def smooth(height: int, width: int, seed: int = 0) -> Image.Image:
    """Returns an image of random colours that change slowly, as those of photographs do."""
    coarse = np.random.default_rng(seed).integers(0, 256, (5, 6, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def encoded(image: Image.Image, kind: str = "JPEG", **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def jpeg(height: int, width: int, seed: int = 0) -> bytes:
    return encoded(smooth(height, width, seed), quality=90)
