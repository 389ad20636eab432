"""`predict` of classification: the most probable classes of image files."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np
from ml_collections import ConfigDict
from rich.table import Table

from deepvision.build import build
from deepvision.cli import tables
from deepvision.cli.image_files import report
from deepvision.data.images import LARGEST, decode, fit
from deepvision.data.normalize import FIXED, Normalization
from deepvision.data.picture_files import named
from deepvision.errors import UserError, unknown
from deepvision.interop import load_weights
from deepvision.models import Network, create_model
from deepvision.tasks import Classification
from deepvision.train.checkpoint import fitting, read_variables
from deepvision.train.evaluate import starting_variables

_BATCH = 32  # images at once


@dataclasses.dataclass(frozen=True)
class Predictor:
    """A network with its weights, where these are from, and what it must be told of images and classes."""

    source: Path
    model: Network
    variables: Any
    image_shape: tuple[int, int, int]
    normalize: Normalization
    class_names: tuple[str, ...] | None
    fit: str = "resize"  # how an image is brought to the shape

    def __call__(self, images: np.ndarray) -> np.ndarray:
        """Returns probabilities [n, classes] of uint8 images [n, h, w, c]."""
        with fitting(self.source):
            logits = jax.jit(self.model.apply)(self.variables, self.normalize(images))
        task = Classification(distances=self.model.outputs == "distances")
        return np.exp(task.log_probabilities(logits))

    def name(self, label: int) -> str:
        return str(label) if self.class_names is None else self.class_names[label]


def show(files: Sequence[Path], predictor: Predictor, top: int) -> int:
    """Prints a table, one image per row; returns the exit status."""
    if top < 1:
        raise UserError(f"--top must be at least 1, got {top}")
    table = Table("image")
    unread = 0
    for start in range(0, len(files), _BATCH):
        named = list(_read(files[start : start + _BATCH], predictor))
        unread += len(files[start : start + _BATCH]) - len(named)
        if named:
            _add_rows(table, named, predictor, top)
    tables.output().print(table)
    return 2 if unread else 0


def of_model(flags: Any) -> Predictor:
    """Returns the predictor that --model and --weights name."""
    model = create_model(flags.model)
    if model.dense:
        raise UserError(
            f"{flags.model} has no classes of images: name its task and data by --config in place of --model"
        )
    if flags.image_size is not None and not 1 <= flags.image_size <= LARGEST:
        raise UserError(f"--image_size must be 1 to {LARGEST:,} pixels, got {flags.image_size}")
    height, width, channels = model.image_shape
    shape = (flags.image_size or height, flags.image_size or width, channels)
    if flags.normalize not in FIXED:
        raise unknown("--normalize", flags.normalize, FIXED)
    mean, std = FIXED[flags.normalize] if channels == 3 or flags.normalize != "imagenet" else FIXED["unit"]
    variables = load_weights(flags.model, flags.weights, image_shape=shape)
    return Predictor(
        Path(flags.weights), model, variables, shape, Normalization(mean, std), _class_names(flags.classes)
    )


def of_config(config: ConfigDict, source: Path) -> Predictor:
    """Returns the predictor of a config, with weights from the folder of a run or a file."""
    if source.is_dir():
        experiment = build(config)
        variables = read_variables(source)
    else:
        config.init_from = str(source)
        experiment = build(config)
        variables = jax.tree.map(lambda leaf: leaf[0], starting_variables(experiment))
    data = experiment.train
    return Predictor(
        source, experiment.model, variables, data.image_shape, data.normalize, data.info.class_names, config.data.fit
    )


def _add_rows(table: Table, named: list[tuple[Path, np.ndarray]], predictor: Predictor, top: int) -> None:
    images = np.stack([image for _, image in named])
    padded = np.concatenate([images, np.repeat(images[:1], _BATCH - len(images), axis=0)])  # one shape, compiled once
    probabilities = predictor(padded)[: len(named)]
    if predictor.class_names and len(predictor.class_names) != probabilities.shape[-1]:
        raise UserError(f"{len(predictor.class_names)} names for {probabilities.shape[-1]} classes; mend --classes")
    while len(table.columns) <= min(top, probabilities.shape[-1]):
        table.add_column(str(len(table.columns)))
    for (file, _), values in zip(named, probabilities, strict=True):
        best = np.argsort(-values)[:top]
        table.add_row(str(file), *(f"{predictor.name(label)} {100 * values[label]:.1f} %" for label in best))


def _class_names(path: str | None) -> tuple[str, ...] | None:
    if path is None:
        return None
    try:
        return tuple(line.strip() for line in Path(path).read_text().splitlines() if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"--classes: cannot read {path}: {error}") from None


def _read(files: Sequence[Path], predictor: Predictor) -> Iterator[tuple[Path, np.ndarray]]:
    """Yields images uint8 [h, w, c]; one that cannot be read is named on standard error, and the rest goes on."""
    size, _, channels = predictor.image_shape
    for file in files:
        try:
            with named("it cannot be read"):
                image = fit(decode(file, channels), size, channels, predictor.fit)
        except UserError as error:
            report(file, error)
        else:
            yield file, image
