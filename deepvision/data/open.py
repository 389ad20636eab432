"""Opens the two pipelines of `config.data`."""

from __future__ import annotations

import math

import numpy as np
from ml_collections import ConfigDict

from deepvision.choices import Choice, resolve
from deepvision.data.augment import AUGMENTATIONS
from deepvision.data.crops import CROPS, RANDOM, check_crop
from deepvision.data.image_set import LUMAS
from deepvision.data.images import FITS, LARGEST
from deepvision.data.normalize import normalization
from deepvision.data.open_image_sets import IMAGE_SETS, open_image_sets
from deepvision.data.pipeline import Pipeline
from deepvision.data.reader import UNUSABLE, Reader, open_reader
from deepvision.data.resident import Resident
from deepvision.data.sources import open_source
from deepvision.data.streaming import Streaming
from deepvision.errors import UserError, unknown

KINDS = ("auto", "resident", "streaming")
_RANGES = {  # the least, and what no one means to go beyond
    "batch_size": (1, math.inf),
    "eval_batch_size": (1, math.inf),
    "resident_limit_mb": (0, math.inf),
    "num_workers": (0, 1024),
    "prefetch": (0, 1024),
    "patches_per_image": (1, math.inf),
    "repeats": (1, math.inf),
    "margin": (0, LARGEST),
    "eval_multiple": (1, LARGEST),
    "border_weight": (0, math.inf),
    "image_size": (1, LARGEST),
    "patch_size": (1, LARGEST),
}


def open_pipelines(data: ConfigDict) -> tuple[Pipeline, Pipeline]:
    """Returns the pipelines of training and of evaluation.

    Both have the size, the channels and the normalization of the training split; only the first augments.

    Args:
        data: `config.data`, see deepvision/config.py for its fields.

    Raises:
        UserError: a field has a bad value, or the data is not there or not usable.
    """
    _check(data)
    augment = tuple(resolve(AUGMENTATIONS, choice, "augmentation") for choice in data.augment)
    train_crop, eval_crop = _crop(data, "train_crop"), _crop(data, "eval_crop")
    if data.name in IMAGE_SETS:
        train, evaluation = open_image_sets(data, augment)
    else:
        train, evaluation = _open_equal(data, augment, train_crop, eval_crop)
    return train.repeating(data.repeats), evaluation


def _open_equal(
    data: ConfigDict, augment: tuple[Choice, ...], train_crop: Choice | None, eval_crop: Choice | None
) -> tuple[Pipeline, Pipeline]:
    """Returns the pipelines of images of one size; errors as of `open_pipelines`."""
    train = _reader(data, data.train_split, data.channels, train_crop)
    evaluation = _reader(data, data.eval_split, train.image_shape[-1], eval_crop)
    if evaluation.image_shape != train.image_shape:
        shapes = " and ".join("x".join(map(str, reader.image_shape)) for reader in (train, evaluation))
        raise UserError(f"images for training and evaluation differ in shape, {shapes}: set data.image_size")
    if _kind(data, train, evaluation) == "resident":
        examples = train(range(len(train.source)))
        usable = _usable(examples, train)
        normalize = normalization(data.normalize, usable.__getitem__, len(usable))
        held_out = evaluation(range(len(evaluation.source)))
        return (
            Resident(train, data.batch_size, normalize, augment, examples),
            Resident(evaluation, data.eval_batch_size, normalize, (), held_out),
        )
    normalize = normalization(data.normalize, train.plain.usable_images, len(train.source))
    return (
        Streaming(train, data.batch_size, normalize, augment, data.num_workers, data.prefetch),
        Streaming(evaluation, data.eval_batch_size, normalize, (), data.num_workers, data.prefetch),
    )


def _reader(data: ConfigDict, split: str, channels: int | None, crop: Choice | None) -> Reader:
    source = open_source(data.name, split, data.data_dir, data.path)
    return open_reader(source, data.image_size, channels, data.fit, crop, data.unusable)


def _kind(data: ConfigDict, train: Reader, evaluation: Reader) -> str:
    drawn = train.crop is not None and train.crop.name in RANDOM
    if drawn and data.pipeline == "resident":
        raise UserError(
            f"data.train_crop {train.crop.name!r} is made while images are decoded, every time: "
            "set data.pipeline to streaming, or crop on the device, by data.augment"
        )
    if data.pipeline != "auto":
        return data.pipeline
    fits = _size_mb(train) + _size_mb(evaluation) <= data.resident_limit_mb
    return "resident" if fits and not drawn else "streaming"


def _size_mb(reader: Reader) -> float:
    """Returns what the images of a split take on a device, in MiB."""
    return len(reader.source) * math.prod(reader.image_shape) / 2**20


def _crop(data: ConfigDict, field: str) -> Choice | None:
    if data[field] is None:
        return None
    crop = resolve(CROPS, data[field], f"data.{field}")
    check_crop(crop.name, dict(crop.arguments))
    if data.name in IMAGE_SETS:
        raise UserError(f"images of {data.name!r} are not resized: leave data.{field} out, and use data.patch_size")
    if data.image_size is None:
        raise UserError(f"data.{field} cuts squares of data.image_size pixels, which is not set")
    if field == "eval_crop" and crop.name in RANDOM:
        raise UserError(f"data.eval_crop {crop.name!r} is random, evaluation is not: use center")
    return crop


def _usable(examples: dict[str, np.ndarray], reader: Reader) -> np.ndarray:
    """Returns the images [n, h, w, c] that are not skipped."""
    images = examples["image"]
    if "usable" in examples:
        images = images[examples["usable"] > 0]
    if not len(images):
        raise UserError(f"no image of split {reader.source.info.split!r} can be used")
    return images


def _check(data: ConfigDict) -> None:
    tables = {"pipeline": KINDS, "fit": FITS, "luma": LUMAS, "unusable": UNUSABLE}
    for field, valid in tables.items():
        if data[field] not in valid:
            raise unknown(f"data.{field}", data[field], valid)
    for field, (least, most) in _RANGES.items():
        if data[field] is not None and not least <= data[field] <= most:
            valid = f"at least {least}" if most == math.inf else f"{least} to {most:,}"
            raise UserError(f"data.{field} must be {valid}, got {data[field]}")
    if data.channels not in (None, 1, 3):
        raise UserError(f"data.channels must be 1 or 3, got {data.channels}")
