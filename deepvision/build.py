"""The only place where a name in a config becomes an object."""

from __future__ import annotations

import ast
from pathlib import Path
from typing import Any

from ml_collections import ConfigDict

from deepvision.choices import resolve
from deepvision.data import open_pipelines
from deepvision.errors import UserError, unknown
from deepvision.interop import pretrained, refit
from deepvision.layers.layers import TABLES
from deepvision.models import Description, Network, create_model, describe
from deepvision.regularizers import PROJECTIONS, REGULARIZERS
from deepvision.tasks import TASKS, Task
from deepvision.train.averaging import AVERAGES
from deepvision.train.checkpoint import read_variables
from deepvision.train.experiment import Experiment
from deepvision.train.optimizer import make_optimizer, make_schedule


def build(config: ConfigDict, seeds: tuple[int, ...] | None = None) -> Experiment:
    """Builds an experiment from its config.

    Args:
        config: see `config.default_config`.
        seeds: one replica each, trained together; None: `config.seed` alone.

    Raises:
        UserError: something in the config does not exist, or does not fit together; the message says what.
    """
    train, evaluation = open_pipelines(config.data)
    model = make_model(config, train.info.num_classes)
    description = describe(model, train.image_shape)
    _check_sites(config.model, description)
    total_steps = _total_steps(config, train.num_examples / train.batch_size)
    rate = make_schedule(
        config.schedule, config.optimizer.learning_rate, total_steps, train.num_examples / train.batch_size
    )
    return Experiment(
        config=config,
        seeds=tuple(seeds) if seeds is not None else (config.seed,),
        model=model,
        task=_make_task(config, model),
        optimizer=make_optimizer(config.optimizer, rate, list(description.blocks)),
        train=train,
        evaluation=evaluation,
        penalties=tuple(resolve(REGULARIZERS, choice, "regularizer")() for choice in config.loss.regularizers),
        projections=tuple(resolve(PROJECTIONS, choice, "projection")() for choice in config.loss.projections),
        averaging=_averaging(config.train.averaging),
        pretrained=_pretrained(config, model, train.info.num_classes, train.image_shape),
        total_steps=total_steps,
        parameters=description.parameters,
        macs=description.macs,
    )


def make_model(config: ConfigDict, num_classes: int) -> Network:
    """Builds the network of `config.model` for a task over so many classes."""
    model = config.model
    return create_model(
        model.name,
        num_classes,
        norm=model.norm,
        act=model.act,
        kernel=model.kernel,
        attention=model.attention,
        pool=model.pool,
        global_pool=model.global_pool,
        placement=model.placement,
        dropout=model.dropout,
        input_dropout=model.input_dropout,
        drop_path=model.drop_path,
        init=model.init,
        dtype=None if model.dtype == "float32" else model.dtype,
        overrides=_overrides(model.overrides),
    )


def _check_sites(model: ConfigDict, description: Description) -> None:
    """Refuses a choice of a kind that the network has no site for: it would change nothing."""
    for kind in TABLES:
        if model[kind] is not None and not description.count(kind):
            raise UserError(f"model.{kind} = {model[kind]!r}: {model.name} has no site of that kind; leave it out")


def _pretrained(
    config: ConfigDict, model: Network, num_classes: int, image_shape: tuple[int, int, int]
) -> dict[tuple[str, ...], Any]:
    """Reads `config.init_from`."""
    source = Path(config.init_from)
    if not config.init_from:
        return {}
    if not source.is_dir():
        return pretrained(model, source, num_classes, image_shape, config.model.name)
    return refit(model, read_variables(source), num_classes, image_shape, f"{config.model.name}, from {source}")


def _overrides(value: Any) -> dict[str, Any]:
    """Reads `config.model.overrides`: a mapping, or its text as a command line gives it."""
    if isinstance(value, str):
        try:
            value = ast.literal_eval(value)
        except (SyntaxError, ValueError):
            raise UserError(f"cannot read model.overrides {value!r}: write a mapping such as {{'width': 8}}") from None
    value = value.to_dict() if isinstance(value, ConfigDict) else value or {}
    if not isinstance(value, dict):
        raise UserError(f"model.overrides must be a mapping such as {{'width': 8}}, got {value!r}")
    return value


def _make_task(config: ConfigDict, model: Network) -> Task:
    if config.task not in TASKS:
        raise unknown("task", config.task, TASKS)
    return TASKS[config.task].configured(config.loss, model.outputs)


def _averaging(choice: Any) -> Any:
    return resolve(AVERAGES, choice, "averaging")() if choice else None


def _total_steps(config: ConfigDict, steps_per_epoch: float) -> int:
    if config.train.steps < 0 or config.train.epochs <= 0:
        raise UserError(f"train.steps = {config.train.steps} and train.epochs = {config.train.epochs} must be positive")
    return config.train.steps or max(round(config.train.epochs * steps_per_epoch), 1)
