"""A trained network that works on images of any size, without the data that it was trained on."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import jax
import numpy as np
from flax.traverse_util import flatten_dict, unflatten_dict
from ml_collections import ConfigDict

from deepvision.build import make_model
from deepvision.config_checks import check_values
from deepvision.data import open_pipelines
from deepvision.data.normalize import Normalization, normalization
from deepvision.data.sources import open_source
from deepvision.errors import UserError
from deepvision.interop import pretrained
from deepvision.models import Network
from deepvision.tasks import Task, task_class
from deepvision.train.checkpoint import read_variables
from deepvision.types import Shape


@dataclasses.dataclass(frozen=True)
class Trained:
    """A network with its weights and what it was trained for.

    Attributes:
        data: `config.data` of the training.
        model, task, variables: of it.
        normalize: of pixels, 0 to 255.
        channels: of images.
    """

    data: ConfigDict
    model: Network
    task: Task
    variables: Any
    normalize: Normalization
    channels: int


def open_trained(config: ConfigDict, source: Path) -> Trained:
    """Returns the network of a config for the task restoration or segmentation, with weights.

    The data it was trained on need not be there, unless the config leaves the channels or the normalization to it.

    Args:
        config: of the training.
        source: the folder of a run, or a file as of `load_weights`.

    Raises:
        UserError: the weights are not of this network, or what is needed is not there.
    """
    check_values(config)
    data = config.data
    channels = data.channels or open_source(data.name, data.train_split, data.data_dir, data.path).info.image_shape[-1]
    task = task_class(config.task)
    outputs = task.head(len(data.classes), (None, None, channels))
    model = make_model(config, outputs)
    task = task.configured(config, config.loss, model)
    sides = (data.patch_size, data.patch_size) if data.patch_size else model.image_shape[:2]
    shape = task.input_shape((*sides, channels))
    variables = read_variables(source) if source.is_dir() else _read(model, source, outputs, shape, config.model.name)
    return Trained(data, model, task, variables, _normalization(data, channels), channels)


def _read(model: Network, file: Path, outputs: int, shape: Shape, name: str) -> Any:
    """Returns all variables of a network from a file."""
    found = pretrained(model, file, outputs, shape, name)
    wanted = jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *shape), np.float32))
    missing = flatten_dict(wanted).keys() - found.keys()
    if missing:
        names = ", ".join(sorted("/".join(path[1:]) for path in missing))
        raise UserError(f"{file} holds nothing for {names}: it is not of a network with {outputs} outputs")
    return unflatten_dict(found)


def _normalization(data: ConfigDict, channels: int) -> Normalization:
    if data.normalize == "dataset":
        return open_pipelines(data)[0].normalize
    return normalization(data.normalize, lambda indices: np.zeros((len(indices), 1, 1, channels)), 1)
