"""JPEG compression, without its entropy coding, which loses nothing."""

from __future__ import annotations

import dataclasses
import io

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.tasks.restoration.degradations.base import Degradation, draw, draw_on_host, unit
from deepvision.tasks.restoration.degradations.noise import check_interval
from deepvision.types import Array, Key

_BLOCK = 8
_LUMINANCE = """
16 11 10 16 24 40 51 61   12 12 14 19 26 58 60 55   14 13 16 24 40 57 69 56   14 17 22 29 51 87 80 62
18 22 37 56 68 109 103 77   24 35 55 64 81 104 113 92   49 64 78 87 103 121 120 101   72 92 95 98 112 100 103 99
"""
_CHROMINANCE = """
17 18 24 47 99 99 99 99   18 21 26 66 99 99 99 99   24 26 56 99 99 99 99 99   47 66 99 99 99 99 99 99
99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99   99 99 99 99 99 99 99 99
"""
_TABLES = np.stack([np.array(table.split(), np.float32).reshape(8, 8) for table in (_LUMINANCE, _CHROMINANCE)])


@dataclasses.dataclass(frozen=True)
class Jpeg(Degradation):
    """What JPEG of a quality leaves: in blocks of 8x8, c = round(DCT(x) / q) q; y = round(IDCT(c)).

    q is the table of the standard times 50 / quality up to quality 50, and times 2 - quality / 50 above. Colour is
    coded as luma and two chromas, of which means over 2x2 pixels are kept. Rounding has no gradient: none is needed
    with respect to an image. In evaluation the file is really written and read, by libjpeg; with the same tables.

    Attributes:
        quality: 1 to 100; (low, high): drawn uniformly, one for each image.

    Source: ITU-T T.81 (1992), annex A and tables K.1 and K.2; the scale of the tables is libjpeg's, as is the
        interpolation of the chromas; Dong et al. 2015, "Compression artifacts reduction" (1504.06993) for the task.
    """

    quality: float | tuple[float, float] = 10

    def __post_init__(self) -> None:
        check_interval("jpeg", "quality", self.quality, 1, 100)

    def __call__(self, image: Array, key: Key) -> Array:
        quality = jnp.round(draw(key, self.quality))
        percent = jnp.where(quality < 50, jnp.floor(5000 / quality), 200 - 2 * quality)
        tables = jnp.clip(jnp.floor((_TABLES * percent + 50) / 100), 1, 255)
        pixels = 255 * image
        if image.shape[-1] == 1:
            return _rounded(_coded(pixels[..., 0], tables[0]))[..., None] / 255
        y, *chromas = jnp.moveaxis(_to_luma_and_chromas(pixels), -1, 0)
        planes = [_coded(y, tables[0]), *(_coded_at_half_size(chroma, tables[1]) for chroma in chromas)]
        return _rounded(_from_luma_and_chromas(jnp.stack(planes, axis=-1))) / 255

    def on_host(self, image: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        from PIL import Image

        file, quality = io.BytesIO(), round(draw_on_host(rng, self.quality))
        gray = image.shape[-1] == 1
        Image.fromarray(image[..., 0] if gray else image).save(
            file, format="JPEG", quality=quality, subsampling="4:2:0"
        )
        return unit(np.asarray(Image.open(file)).reshape(image.shape))


def _coded(plane: Array, table: Array) -> Array:
    """Returns a plane [h, w] of values in 0 to 255 after coding and decoding."""
    height, width = plane.shape
    padded = jnp.pad(plane, [(0, -height % _BLOCK), (0, -width % _BLOCK)], mode="edge") - 128
    rows, columns = padded.shape[0] // _BLOCK, padded.shape[1] // _BLOCK
    blocks = padded.reshape(rows, _BLOCK, columns, _BLOCK).transpose(0, 2, 1, 3)
    transform = jnp.asarray(_cosines(), plane.dtype)
    exact = {"precision": lax.Precision.HIGHEST}
    coefficients = jnp.einsum("ui,rcij,vj->rcuv", transform, blocks, transform, **exact)
    kept = jnp.round(coefficients / table) * table
    blocks = jnp.einsum("ui,rcuv,vj->rcij", transform, kept, transform, **exact)
    return jnp.clip(blocks.transpose(0, 2, 1, 3).reshape(padded.shape)[:height, :width] + 128, 0, 255)


def _coded_at_half_size(plane: Array, table: Array) -> Array:
    """Returns a plane [h, w] after coding and decoding of its means over 2x2 pixels, interpolated."""
    height, width = plane.shape
    even = jnp.pad(plane, [(0, height % 2), (0, width % 2)], mode="edge")
    small = even.reshape(even.shape[0] // 2, 2, even.shape[1] // 2, 2).mean(axis=(1, 3))
    coded = _rounded(_coded(_rounded(small), table))
    return jax.image.resize(coded, even.shape, "bilinear", antialias=False)[:height, :width]


def _cosines() -> np.ndarray:
    """Returns the orthogonal matrix of the cosine transform, [frequency, place]."""
    frequency, place = np.arange(_BLOCK)[:, None], np.arange(_BLOCK)
    matrix = np.cos((2 * place + 1) * frequency * np.pi / (2 * _BLOCK)) * np.sqrt(2 / _BLOCK)
    return np.where(frequency == 0, np.sqrt(1 / _BLOCK), matrix)


def _to_luma_and_chromas(rgb: Array) -> Array:
    red, green, blue = jnp.moveaxis(rgb, -1, 0)
    y = 0.299 * red + 0.587 * green + 0.114 * blue
    return _rounded(jnp.stack([y, (blue - y) / 1.772 + 128, (red - y) / 1.402 + 128], axis=-1))


def _from_luma_and_chromas(planes: Array) -> Array:
    y, blueness, redness = jnp.moveaxis(planes - jnp.asarray([0, 128, 128]), -1, 0)
    red, blue = y + 1.402 * redness, y + 1.772 * blueness
    return jnp.stack([red, (y - 0.299 * red - 0.114 * blue) / 0.587, blue], axis=-1)


def _rounded(x: Array) -> Array:
    return jnp.clip(jnp.round(x), 0, 255)
