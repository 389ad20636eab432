"""Lets TFDS prepare data sets where TensorFlow is not installed.

TFDS reads and writes its records without TensorFlow, but preparing a data set calls it for three small things: opening
files (`tf.io.gfile`, in builders and in the extraction of archives), encoding arrays as PNG or JPEG (mnist, cifar10),
and recoding odd images (imagenet2012). `without_tensorflow()` puts Python's own files and Pillow in those places.
"""

from __future__ import annotations

import contextlib
import dataclasses
import glob
import importlib.util
import io
import os
import shutil
import sys
from collections.abc import Iterator
from types import SimpleNamespace

import numpy as np


@contextlib.contextmanager
def without_tensorflow() -> Iterator[None]:
    """While it lasts, the modules of TFDS see the stand-in as `tf`; it does nothing where TensorFlow is installed."""
    # The first two are imported now, so that they are among the modules below.
    from tensorflow_datasets.core.download import extractor  # noqa: F401
    from tensorflow_datasets.core.features import image_feature  # noqa: F401
    from tensorflow_datasets.core.utils import lazy_imports_utils

    if importlib.util.find_spec("tensorflow"):
        yield
        return
    lazy = lazy_imports_utils.tensorflow  # what TFDS imports as `tf`: one object, in every module
    modules = [module for module in list(sys.modules.values()) if getattr(module, "__dict__", {}).get("tf") is lazy]
    for module in modules:
        module.tf = TensorFlow()
    try:
        yield
    finally:
        for module in modules:
            module.tf = lazy


class TensorFlow:
    """The part of TensorFlow that TFDS needs to prepare images; the rest is missing, as TensorFlow itself is."""

    def __init__(self):
        files = SimpleNamespace(
            GFile=_open,
            copy=_copy,
            exists=os.path.exists,
            glob=glob.glob,
            isdir=os.path.isdir,
            listdir=os.listdir,
            makedirs=_makedirs,
            walk=os.walk,
        )
        self.io = SimpleNamespace(gfile=files, encode_jpeg=_encode_jpeg)
        self.image = SimpleNamespace(
            decode_image=_decode,
            decode_jpeg=_decode,
            decode_png=_decode,
            encode_jpeg=_encode_jpeg,
            encode_png=_encode_png,
        )
        self.compat = SimpleNamespace(as_text=lambda text: text.decode() if isinstance(text, bytes) else text)

    def executing_eagerly(self) -> bool:
        return True

    def __getattr__(self, name: str):
        raise ModuleNotFoundError(f"tensorflow is not installed (tf.{name})", name="tensorflow")


@dataclasses.dataclass(frozen=True)
class _Tensor:
    value: np.ndarray | bytes

    def numpy(self) -> np.ndarray | bytes:
        return self.value


def _encode_png(image: np.ndarray | _Tensor) -> _Tensor:
    return _encode(image, format="PNG")


def _encode_jpeg(image: np.ndarray | _Tensor, format: str = "", quality: int = 95) -> _Tensor:
    return _encode(image, format="JPEG", quality=quality)


def _encode(image: np.ndarray | _Tensor, format: str, quality: int | None = None) -> _Tensor:
    """Encodes an image of 8 bits; `quality` is of JPEG alone."""
    from PIL import Image

    pixels = image.numpy() if isinstance(image, _Tensor) else image
    buffer = io.BytesIO()
    options = {} if quality is None else {"quality": quality}
    Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels).save(buffer, format, **options)
    return _Tensor(buffer.getvalue())


def _decode(data: bytes, channels: int = 0) -> _Tensor:
    """Decodes an image of 8 bits to [h, w, channels]; 0: as stored, and never CMYK."""
    from PIL import Image

    with Image.open(io.BytesIO(data)) as image:
        mode = {0: "L" if image.mode == "L" else "RGB", 1: "L", 3: "RGB"}[channels]
        pixels = np.asarray(image.convert(mode))
    return _Tensor(pixels[..., np.newaxis] if pixels.ndim == 2 else pixels)


def _open(name, mode: str = "r"):
    return open(name, mode)  # noqa: SIM115  the caller closes it, as it would a GFile


def _copy(source, target, overwrite: bool = False) -> None:
    if not overwrite and os.path.exists(target):
        raise FileExistsError(target)
    shutil.copyfile(source, target)


def _makedirs(path) -> None:
    os.makedirs(path, exist_ok=True)
