"""Opens the pipelines of a set of images of any sizes: patches to train on, whole images to be evaluated."""

from __future__ import annotations

import dataclasses
import sys

import numpy as np
from ml_collections import ConfigDict

from deepvision.choices import Choice
from deepvision.data.augment import MOVES
from deepvision.data.image_set import ImageSet
from deepvision.data.normalize import normalization
from deepvision.data.patches import Patches, stacked
from deepvision.data.pipeline import Feed
from deepvision.data.sources import LAYOUTS, open_source
from deepvision.data.whole_images import WholeImages
from deepvision.errors import UserError

IMAGE_SETS = tuple(LAYOUTS)


def open_image_sets(data: ConfigDict, augment: tuple[Choice, ...]) -> tuple[Patches, WholeImages]:
    """Returns the pipelines of training and of evaluation; arguments and errors as of `open_pipelines`."""
    _check(data)
    _check_augmentations(data, augment)
    train, examples = _read(_image_set(data, data.train_split, data.channels), data.unusable)
    evaluation = _image_set(data, data.eval_split, train.channels)
    resident = stacked(examples, data.margin)
    _check_sizes(data, train, resident["size"])
    normalize = normalization(data.normalize, lambda indices: resident["image"][indices], len(train))
    return (
        Patches(train, resident, data.patch_size, data.patches_per_image, data.batch_size, normalize, augment),
        WholeImages(evaluation, data.eval_batch_size, normalize, data.eval_multiple),
    )


def _image_set(data: ConfigDict, split: str, channels: int | None) -> ImageSet:
    source = open_source(data.name, split, data.data_dir, data.path)
    return ImageSet(
        source=source,
        channels=channels or source.info.image_shape[-1],
        luma=data.luma,
        classes=tuple(data.classes),
        ignore=tuple(data.ignore),
        border_weight=data.border_weight,
        border_width=data.border_width,
    )


def _read(images: ImageSet, unusable: str) -> tuple[ImageSet, list[Feed]]:
    """Returns the examples of a split; without those that cannot be used if `unusable` is "skip", each named."""
    examples, used = [], []
    for index in range(len(images)):
        try:
            examples.append(images[index])
            used.append(index)
        except UserError as error:
            if unusable == "stop":
                raise
            print(f"left out: {error}", file=sys.stderr)
    if not used:
        raise UserError(f"no image of split {images.info.split!r} can be used")
    return dataclasses.replace(images, source=images.source.only(used)), examples


def _check(data: ConfigDict) -> None:
    if data.pipeline == "streaming":
        raise UserError(
            f"data.name {data.name!r} has no streaming pipeline: patches are drawn from images on the device"
        )
    if data.image_size is not None:
        raise UserError(f"images of {data.name!r} are not resized: use data.patch_size in place of data.image_size")
    values = (*data.classes, *data.ignore)
    if len(set(values)) < len(values) or not all(isinstance(value, int) and 0 <= value <= 255 for value in values):
        raise UserError(f"data.classes and data.ignore must be different integers in 0 to 255, got {values}")
    if data.name != "image_masks" and values:
        raise UserError(f"data.name is {data.name}, which have no classes: leave data.classes and data.ignore empty")
    if data.name == "image_masks" and not data.classes:
        raise UserError("data.name is image_masks: data.classes must list the values of the classes, such as (0, 255)")
    if data.border_weight and len(data.classes) != 2:
        raise UserError(
            "data.border_weight is for two classes, cells being the second: set data.classes, or set it to 0"
        )


def _check_augmentations(data: ConfigDict, augment: tuple[Choice, ...]) -> None:
    """Refuses what would change one image of a pair, and not the other alike."""
    for augmentation in augment:
        if data.name == "image_pairs" and augmentation.name not in MOVES:
            raise UserError(
                f"augmentation {augmentation} would change the two images of a pair differently: of pairs, only "
                f"{', '.join(MOVES)} are possible"
            )


def _check_sizes(data: ConfigDict, images: ImageSet, sizes: np.ndarray) -> None:
    """Refuses patches that are larger than an image, and what needs images of one size where they are not."""
    equal = bool((sizes == sizes[0]).all())
    if data.patch_size is None and not equal:
        raise UserError(f"the images of {data.path} differ in size: set data.patch_size")
    smallest = int(sizes.min(axis=1).argmin())
    if data.patch_size is not None and not 1 <= data.patch_size <= sizes[smallest].min():
        found = "x".join(map(str, sizes[smallest]))
        raise UserError(f"data.patch_size = {data.patch_size}, but {images.where(smallest)} is {found}")
    if data.normalize == "dataset" and not equal:
        raise UserError("data.normalize 'dataset' measures images of one size: set it to unit, symmetric or imagenet")
