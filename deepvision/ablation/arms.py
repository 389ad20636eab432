"""The arms of an ablation: every combination of the values of its axes."""

from __future__ import annotations

import dataclasses
import hashlib
import itertools
import re
from collections.abc import Mapping
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.fields import copy_config, field_names, no_such_field, set_field
from deepvision.errors import UserError

# Not what an arm may differ in: a label, and what belongs to the comparison as a whole.
_NOT_AN_AXIS = ("name", "seed", "ablation")


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm: the fields it changes, how it is called in tables, and its config."""

    labels: tuple[str, ...]  # one per axis: "batch"
    name: str  # "norm=batch"
    config: config_dict.ConfigDict

    @property
    def slug(self) -> str:
        """The name of the arm's folder: a function of the arm's name alone, unlike that of any other arm."""
        plain = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", self.name)[:100]
        return plain if plain == self.name else f"{plain}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


def make_arms(config: config_dict.ConfigDict) -> list[Arm]:
    """Returns the arms of `config.ablation.axes`, the last axis varying fastest.

    The config of an arm is `config` with the arm's values and without the axes: an axis may grow later without
    touching the arms that have been run.

    Raises:
        UserError: no axis, an empty axis, a field that does not exist, a value of the wrong type, a value given twice.
    """
    axes = _checked(config)
    short = axis_names(list(axes))
    arms = []
    for values in itertools.product(*axes.values()):
        labels = tuple(label(value) for value in values)
        name = ",".join(f"{axis}={text}" for axis, text in zip(short, labels, strict=True))
        changed = copy_config(config)
        for field, value in zip(axes, values, strict=True):
            set_field(changed, field, value)
        changed.ablation.axes = None
        changed.ablation.baseline, changed.ablation.delta = "", 0.0  # questions to the results, no part of a run
        changed.name = f"{config.name} {name}"
        arms.append(Arm(labels, name, changed.lock()))
    return arms


def axis_names(fields: list[str]) -> list[str]:
    """Returns the last part of every dotted field, or all of it where two fields end alike."""
    last = [field.rsplit(".", 1)[-1] for field in fields]
    return [name if last.count(name) == 1 else field for name, field in zip(last, fields, strict=True)]


def label(value: Any) -> str:
    """Returns how a value of an axis is written in a table: a choice as its call, None as "default"."""
    if value is None:
        return "default"
    if isinstance(value, Mapping) and "name" in value:
        arguments = ", ".join(f"{key}={item!r}" for key, item in value.items() if key != "name")
        return f"{value['name']}({arguments})"
    return str(value)


def _checked(config: config_dict.ConfigDict) -> dict[str, tuple[Any, ...]]:
    axes = config.ablation.axes
    if not axes:
        raise UserError('config.ablation.axes is empty: give it fields and values, {"model.norm": ("batch", "group")}')
    if not isinstance(axes, Mapping):
        raise UserError(f"config.ablation.axes must map fields to values, got {axes!r}")
    if config.ablation.delta < 0:
        raise UserError(f"config.ablation.delta must not be negative, got {config.ablation.delta}")
    if config.ablation.seeds < 1:
        raise UserError(f"config.ablation.seeds must be at least 1, got {config.ablation.seeds}")
    for field, values in axes.items():
        _check_field(config, field)
        if not isinstance(values, list | tuple) or not values:
            raise UserError(f"ablation axis {field!r} needs a tuple of one or more values, got {values!r}")
        labels = [label(value) for value in values]
        for text in labels:
            if labels.count(text) > 1:
                raise UserError(f"ablation axis {field!r} has {text} more than once")
    return {field: tuple(values) for field, values in axes.items()}


def _check_field(config: config_dict.ConfigDict, field: str) -> None:
    if field.split(".")[0] in _NOT_AN_AXIS:
        raise UserError(f"{field!r} cannot be an ablation axis; how many seeds every arm has is config.ablation.seeds")
    names = field_names(config)
    if field not in names:
        raise no_such_field(field, names)
