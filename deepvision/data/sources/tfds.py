"""Data sets of TFDS (https://www.tensorflow.org/datasets), ours among them, without TensorFlow.

`config.data.name` is what `tfds.builder` takes: "mnist", "emnist/letters", "cifar10:3.0.2". A data set that is not yet
under `config.data.data_dir` is prepared there, as ArrayRecord files, which can be read in any order.
"""

from __future__ import annotations

import contextlib
import difflib
import io
import os
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from deepvision.data.lock import alone
from deepvision.data.sources.base import Example, SourceInfo, Stored, decoded
from deepvision.data.sources.splits import parse_split
from deepvision.data.sources.without_tensorflow import without_tensorflow
from deepvision.errors import UserError

_OURS = ("digits",)


class TfdsSource:
    """One split of a data set that TFDS has prepared.

    Args:
        name: of the data set.
        builder: the prepared `tfds.core.DatasetBuilder`; its features are those of image classification.
        split: in the syntax of TFDS.
    """

    def __init__(self, name: str, builder, split: str):
        import tensorflow_datasets as tfds

        features = builder.info.features
        self._image, self._label = _keys(name, builder)
        parse_split(split, {key: info.num_examples for key, info in builder.info.splits.items()}, f"data set {name!r}")
        images = [key for key, feature in features.items() if isinstance(feature, tfds.features.Image)]
        self._records = builder.as_data_source(split, decoders={key: tfds.decode.SkipDecoding() for key in images})
        label = features[self._label]
        self.info = SourceInfo(name, split, label.num_classes, tuple(label.names), features[self._image].shape)

    def __len__(self) -> int:
        return len(self._records)

    def __getitem__(self, index: int) -> Example:
        return decoded(*self.stored([index]), self.info.image_shape[-1])

    def stored(self, indices: Sequence[int]) -> list[Stored]:
        records = self._records.__getitems__(indices)  # of all shards at once: one by one is slow
        return [Stored(record[self._image], int(record[self._label])) for record in records]

    def where(self, index: int) -> str:
        return f"record {index} of split {self.info.split!r} of data set {self.info.name!r}"


def open_tfds(name: str, split: str, data_dir: str, path: str) -> TfdsSource:
    """Opens a TFDS data set, preparing it if need be.

    Args:
        name: of the data set, with its config and version if wished.
        split: in the syntax of TFDS.
        data_dir: where prepared data sets lie; empty: see `data_root`.
        path: must be empty.

    Raises:
        UserError: the data set is unknown, is not one of image classification, or cannot be downloaded or prepared.
    """
    if path:
        raise UserError(f"data.path is for image_folder and npz only, but data.name is {name!r}: leave data.path empty")
    return TfdsSource(name, _prepared(name, data_root(data_dir)), split)


def open_splits(name: str, data_dir: str) -> dict[str, TfdsSource]:
    """Opens all splits of a TFDS data set, preparing it if need be; errors as of `open_tfds`."""
    builder = _prepared(name, data_root(data_dir))
    return {split: TfdsSource(name, builder, split) for split in builder.info.splits}


def is_known(name: str) -> bool:
    """Tells whether TFDS, or deepvision, knows how to make a data set."""
    import tensorflow_datasets as tfds

    return name in _OURS or name in tfds.list_builders(with_community_datasets=False)


def data_root(data_dir: str) -> Path:
    """Returns the folder of prepared data sets: `data_dir`, else $DEEPVISION_DATA, else ~/.cache/deepvision."""
    return Path(data_dir or os.environ.get("DEEPVISION_DATA") or "~/.cache/deepvision").expanduser().absolute()


def _prepared(name: str, root: Path):
    """Returns the builder of a data set whose files are there."""
    import tensorflow_datasets as tfds

    from deepvision.data.prepare import imagenet

    builder = _builder(name, root)
    if builder.data_path.exists():
        return builder
    _keys(name, builder)  # refuse what cannot be used before it is downloaded
    if builder.name == imagenet.NAME:
        return _imagenet(name, root, Path(builder.data_path))
    tfds.display_progress_bar(sys.stderr.isatty())
    try:
        with alone(root / f".{builder.name}.lock"):
            builder = _builder(name, root)  # it knows the files that another process has made meanwhile
            if not builder.data_path.exists():
                with without_tensorflow(), contextlib.redirect_stdout(io.StringIO()):
                    builder.download_and_prepare()  # into a temporary folder, renamed at the end
    except ImportError as error:
        need = "it needs a package that is not installed; prepare it once where that is, as array_record"
        raise UserError(f"cannot prepare data set {name!r} in {root}: {need} ({_reason(error)})") from error
    except Exception as error:  # of the network, the disk, a checksum, or the builder itself
        raise UserError(f"cannot prepare data set {name!r} in {root}: {_reason(error)}") from error
    return builder


def _imagenet(name: str, root: Path, folder: Path):
    """Prepares ImageNet shard by shard, which TFDS would do at one go."""
    from deepvision.data.prepare import data_set, imagenet
    from deepvision.data.streaming import cores

    names, splits = imagenet.find(imagenet.manual(root))
    hint = "python -m deepvision prepare imagenet2012 shows how far it is"
    print(f"preparing {name} in {root}, which takes a while; {hint}", file=sys.stderr)
    data_set.make(folder, names, splits, cores(), "stop", lambda done, total: None)
    return _builder(name, root)


def _builder(name: str, root: Path):
    import tensorflow_datasets as tfds

    try:
        with contextlib.redirect_stdout(io.StringIO()):  # TFDS announces there that TensorFlow is missing
            if name == "digits":
                from deepvision.data.sources.digits import Digits

                return Digits(data_dir=root, file_format="array_record")
            return tfds.builder(name, data_dir=root, file_format="array_record")
    except tfds.core.DatasetNotFoundError:
        names = {*_OURS, "image_folder", "npz", *tfds.list_builders(with_community_datasets=False)}
        near = difflib.get_close_matches(name, sorted(names), n=3)
        hint = f"; the nearest names are {', '.join(near)}" if near else ""
        valid = f"digits, image_folder, npz, a name from www.tensorflow.org/datasets/catalog, or one prepared in {root}"
        raise UserError(f"unknown data set {name!r}{hint}. Valid: {valid}") from None
    except (ImportError, ValueError, AssertionError) as error:
        if "File format is already set" in str(error):
            hint = "choose another data.data_dir, or convert it with `tfds convert_format`"
            raise UserError(f"data set {name!r} in {root} is not prepared as array_record: {hint}") from error
        raise UserError(f"cannot open data set {name!r} in {root}: {_reason(error)}") from error


def _keys(name: str, builder) -> tuple[str, str]:
    """Returns the names of the features that are the image and its class."""
    import tensorflow_datasets as tfds

    features = builder.info.features
    keys = builder.info.supervised_keys or ("image", "label")
    image, label = (features[key] if isinstance(key, str) and key in features else None for key in keys[:2])
    is_image = isinstance(image, tfds.features.Image) and image.shape[-1] in (1, 3)
    is_class = isinstance(label, tfds.features.ClassLabel) and label.num_classes
    if not is_image or np.dtype(image.np_dtype) != np.uint8 or not is_class:
        raise UserError(f"data set {name!r} is not one of image classification: its features are {', '.join(features)}")
    return keys[:2]


def _reason(error: BaseException) -> str:
    """Returns the innermost cause of an error in one line."""
    while error.__cause__ is not None:
        error = error.__cause__
    return textwrap.shorten(f"{type(error).__name__}: {error}", 300)
