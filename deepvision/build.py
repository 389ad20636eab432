"""The only place where a name in a config becomes an object."""

from __future__ import annotations

import ast
import functools
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import optax
from ml_collections import ConfigDict

from deepvision.ablation.metrics import METRICS
from deepvision.checks import check_room
from deepvision.choices import resolve
from deepvision.config_checks import check_values
from deepvision.data import Pipeline, open_pipelines
from deepvision.errors import UserError, unknown
from deepvision.interop import pretrained, refit
from deepvision.layers.layers import NOISES, TABLES, Layers
from deepvision.layers.stochastic import is_off, rate_of
from deepvision.models import Description, Network, create_model, describe
from deepvision.models.describe import Site
from deepvision.regularizers import PROJECTIONS, REGULARIZERS
from deepvision.tasks import Task, task_class
from deepvision.train.averaging import AVERAGES
from deepvision.train.checkpoint import read_variables
from deepvision.train.experiment import Experiment, Parts
from deepvision.train.metrics import NEWEST
from deepvision.train.numbers import NUMBERS, numbers_of, with_numbers
from deepvision.train.optimizer import make_optimizer, make_schedule
from deepvision.train.views import VIEWS, Views
from deepvision.types import Shape


def build(config: ConfigDict, seeds: Sequence[int] | None = None) -> Experiment:
    """Builds an experiment from its config.

    Args:
        config: see `config.default_config`.
        seeds: one replica each, trained together; None: `config.seed` alone.

    Raises:
        UserError: something in the config does not exist, or does not fit together; the message says what.
    """
    seeds = (config.seed,) if seeds is None else tuple(seeds)
    return build_replicas([config] * len(seeds), seeds)


def build_replicas(
    configs: Sequence[ConfigDict], seeds: Sequence[int], pipelines: tuple[Pipeline, Pipeline] | None = None
) -> Experiment:
    """Builds an experiment whose replicas differ in their numbers and seeds.

    Args:
        configs: of the replicas; they differ in numeric fields alone (`train.numbers`).
        seeds: of the same replicas.
        pipelines: of training and evaluation, if they are open already.

    Raises:
        UserError: something in a config does not exist, or does not fit together; the message says what.
    """
    for one in configs:
        check_values(one)
    config = configs[0]
    _check_best_metric(config.train.best_metric)
    train, evaluation = pipelines or open_pipelines(config.data)
    outputs = task_class(config.task).head(train.info.num_classes, train.image_shape)
    model = make_model(config, outputs)
    input_shape = _make_task(config, config.loss, model).input_shape(train.image_shape)
    numbers = numbers_of(configs)
    noisiest = _noisiest(model, numbers)
    description = describe(noisiest, input_shape)
    _check_sites(config.model, noisiest.layers, description)
    if config.model.scan_blocks and not description.runs:
        raise UserError(f"model.scan_blocks = True: {config.model.name} has no run of equal blocks; leave it out")
    weights = f"the {description.parameters:,} parameters of {config.model.name}"
    check_room(weights, 4 * description.parameters, "choose a smaller network")
    steps_per_epoch = train.num_examples / train.batch_size
    total_steps = _total_steps(config, steps_per_epoch)
    parts = functools.partial(_parts, model, description.blocks, total_steps, steps_per_epoch)
    different = {other.to_json_best_effort(): other for other in configs}
    made = [parts(other, {}) for other in different.values()][0]  # all are made, which checks their numbers
    if tuple(config.optimizer.trainable) != ("*",):
        _check_trainable(made.optimizer, model, input_shape)
    return Experiment(
        config=config,
        seeds=tuple(seeds),
        numbers=numbers,
        model=model,
        task=made.task,
        parts=functools.partial(parts, config),
        train=train,
        evaluation=evaluation.with_inputs(made.task.on_host),
        penalties=tuple(resolve(REGULARIZERS, choice, "regularizer")() for choice in config.loss.regularizers),
        projections=tuple(resolve(PROJECTIONS, choice, "projection")() for choice in config.loss.projections),
        averaging=_averaging(config.train.averaging),
        views=_views(config, model, input_shape),
        pretrained=_fitted(model, train) | _pretrained(config, model, outputs, input_shape),
        total_steps=total_steps,
        parameters=description.parameters,
        macs=description.macs,
        loops=description.loops,
    )


def _parts(
    model: Network,
    blocks: Sequence[str],
    total_steps: int,
    steps_per_epoch: float,
    config: ConfigDict,
    numbers: Mapping[str, Any],
) -> Parts:
    """Builds what trains, out of a config in which the given numbers stand; they may be traced."""
    sections = {name: with_numbers(config, name, numbers) for name in ("model", "optimizer", "schedule", "loss")}
    noise = {name: value for name, value in sections["model"].items() if f"model.{name}" in NUMBERS}
    optimizer = sections["optimizer"]
    rate = make_schedule(sections["schedule"], optimizer.learning_rate, total_steps, steps_per_epoch)
    return Parts(
        model=model.clone(layers=model.layers.replace(noise)),
        task=_make_task(config, sections["loss"], model),
        optimizer=make_optimizer(optimizer, rate, list(blocks), steps_per_epoch),
    )


def make_model(config: ConfigDict, outputs: int) -> Network:
    """Builds the network of `config.model` with so many outputs: classes, or channels of an image."""
    model = config.model
    return create_model(
        model.name,
        outputs,
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
        remat=model.remat,
        scan_blocks=model.scan_blocks,
        dtype=None if model.dtype == "float32" else model.dtype,
        overrides=_overrides(model.overrides),
    )


def _check_best_metric(name: str) -> None:
    """Refuses what would be missed after the first evaluation only."""
    if name and name.removeprefix(NEWEST) not in METRICS:
        raise unknown("train.best_metric", name, METRICS)


def _noisiest(model: Network, numbers: Mapping[str, Sequence[float]]) -> Network:
    """Returns the network with the highest rates of noise of all replicas: where one of them is 0, there is no site."""
    rates = {kind: max(numbers[f"model.{kind}"]) for kind in NOISES if f"model.{kind}" in numbers}
    return model.clone(layers=model.layers.replace(rates))


def _check_sites(model: ConfigDict, layers: Layers, description: Description) -> None:
    """Refuses a choice of a kind that the network has no site for: it would change nothing."""
    silent = [kind for kind in NOISES if is_off(rate_of(getattr(layers, kind)))]
    filled = {_field_of(site) for site in description.sites}
    for kind in (*TABLES, *NOISES):
        if model[kind] is not None and kind not in silent and kind not in filled:
            raise UserError(f"model.{kind} = {model[kind]!r}: {model.name} has no site of that kind; leave it out")


def _field_of(site: Site) -> str:
    """Returns the field of `config.model` that fills a site; dropout of the inputs is known by its name."""
    return "input_dropout" if site.path.endswith("input_dropout") else site.kind


def _check_trainable(optimizer: optax.GradientTransformation, model: Network, input_shape: Sequence[int]) -> None:
    """Lets the optimizer look at the parameters, without computing any, and refuse names of none."""
    x = jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    variables = jax.eval_shape(model.init, keys, x)
    jax.eval_shape(optimizer.init, variables["params"])


def _fitted(model: Network, train: Pipeline) -> dict[tuple[str, ...], Any]:
    """Returns what a network takes from the training images before the first step."""
    return model.fitted(train.sample(model.sample)) if model.sample else {}


def _pretrained(
    config: ConfigDict, model: Network, outputs: int, image_shape: tuple[int, int, int]
) -> dict[tuple[str, ...], Any]:
    """Reads `config.init_from`."""
    source = Path(config.init_from)
    if not config.init_from:
        return {}
    if not source.is_dir():
        return pretrained(model, source, outputs, image_shape, config.model.name)
    return refit(model, read_variables(source), outputs, image_shape, f"{config.model.name}, from {source}")


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


def _make_task(config: ConfigDict, loss: ConfigDict, model: Network) -> Task:
    return task_class(config.task).configured(config, loss, model)


def _averaging(choice: Any) -> Any:
    return resolve(AVERAGES, choice, "averaging")() if choice else None


def _views(config: ConfigDict, model: Network, input_shape: Shape) -> Views | None:
    """Returns the entry of `VIEWS` that `config.train.views` names, if the task and the network allow it."""
    choice = config.train.views
    if choice is None:
        return None
    if config.task != "classification":
        raise UserError(f"train.views = {choice!r} averages predictions of classes: leave it out of task {config.task}")
    views = resolve(VIEWS, choice, "views")()
    seen = jax.eval_shape(views, jax.ShapeDtypeStruct((1, *input_shape), jnp.float32)).shape[2:]
    if seen != tuple(input_shape) and _parameters(model, seen) != _parameters(model, input_shape):
        sides = " and ".join(f"{height}x{width}" for height, width, _ in (input_shape, seen))
        raise UserError(f"train.views = {choice!r}: {config.model.name} cannot take images of both {sides}")
    return views


def _parameters(model: Network, input_shape: Shape) -> Any:
    """Returns the shapes of a network's parameters for images of a shape."""
    images = jnp.zeros((1, *input_shape))
    variables = jax.eval_shape(lambda: model.init(jax.random.key(0), images, train=False))
    return jax.tree.map(lambda leaf: leaf.shape, variables)


def _total_steps(config: ConfigDict, steps_per_epoch: float) -> int:
    if config.train.steps < 0 or config.train.epochs <= 0:
        raise UserError(f"train.steps = {config.train.steps} and train.epochs = {config.train.epochs} must be positive")
    return config.train.steps or max(round(config.train.epochs * steps_per_epoch), 1)
