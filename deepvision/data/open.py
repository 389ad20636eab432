"""Opens the two pipelines of `config.data`."""

from __future__ import annotations

import math

from ml_collections import ConfigDict

from deepvision.choices import resolve
from deepvision.data.augment import AUGMENTATIONS
from deepvision.data.image_set import LUMAS
from deepvision.data.images import FITS, LARGEST
from deepvision.data.normalize import normalization
from deepvision.data.open_image_sets import IMAGE_SETS, open_image_sets
from deepvision.data.pipeline import Pipeline
from deepvision.data.reader import Reader, open_reader
from deepvision.data.resident import Resident
from deepvision.data.sources import Source, open_source
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
    if data.name in IMAGE_SETS:
        return open_image_sets(data, augment)
    train = open_reader(_open(data, data.train_split), data.image_size, data.channels, data.fit)
    evaluation = open_reader(_open(data, data.eval_split), data.image_size, train.image_shape[-1], data.fit)
    if evaluation.image_shape != train.image_shape:
        shapes = " and ".join("x".join(map(str, reader.image_shape)) for reader in (train, evaluation))
        raise UserError(f"images for training and evaluation differ in shape, {shapes}: set data.image_size")
    kind = data.pipeline
    if kind == "auto":
        kind = "resident" if _size_mb(train) + _size_mb(evaluation) <= data.resident_limit_mb else "streaming"
    if kind == "resident":
        examples = train(range(len(train.source)))
        normalize = normalization(data.normalize, lambda indices: examples["image"][indices], len(train.source))
        held_out = evaluation(range(len(evaluation.source)))
        return (
            Resident(train, data.batch_size, normalize, augment, examples),
            Resident(evaluation, data.eval_batch_size, normalize, (), held_out),
        )
    normalize = normalization(data.normalize, lambda indices: train(indices)["image"], len(train.source))
    return (
        Streaming(train, data.batch_size, normalize, augment, data.num_workers, data.prefetch),
        Streaming(evaluation, data.eval_batch_size, normalize, (), data.num_workers, data.prefetch),
    )


def _open(data: ConfigDict, split: str) -> Source:
    return open_source(data.name, split, data.data_dir, data.path)


def _size_mb(reader: Reader) -> float:
    """Returns what the images of a split take on a device, in MiB."""
    return len(reader.source) * math.prod(reader.image_shape) / 2**20


def _check(data: ConfigDict) -> None:
    if data.pipeline not in KINDS:
        raise unknown("data.pipeline", data.pipeline, KINDS)
    if data.fit not in FITS:
        raise unknown("data.fit", data.fit, FITS)
    for field, (least, most) in _RANGES.items():
        if data[field] is not None and not least <= data[field] <= most:
            valid = f"at least {least}" if most == math.inf else f"{least} to {most:,}"
            raise UserError(f"data.{field} must be {valid}, got {data[field]}")
    if data.luma not in LUMAS:
        raise unknown("data.luma", data.luma, LUMAS)
    if data.channels not in (None, 1, 3):
        raise UserError(f"data.channels must be 1 or 3, got {data.channels}")
