"""Numeric fields of a config: those that enter the compiled step as numbers it is given, not as constants.

One program serves all values of them: runs that differ in nothing else train together, and a change of a learning rate
compiles nothing. They are part of the state, one scalar per replica.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from ml_collections import ConfigDict


@dataclasses.dataclass(frozen=True)
class Number:
    """A numeric field.

    Attributes:
        off: the value at which its part of the step may be left out, if there is one.
        apart: whether that is another computation than the limit of the numbers beside it: clipping to a norm of 0 is
            not what no clipping is. Then runs with it on and off need two programs.
    """

    off: float | None = 0.0
    apart: bool = False


NUMBERS = {
    "optimizer.learning_rate": Number(off=None),
    "optimizer.momentum": Number(),
    "optimizer.b1": Number(off=None),
    "optimizer.b2": Number(off=None),
    "optimizer.eps": Number(off=None),
    "optimizer.weight_decay": Number(),
    "optimizer.clip_norm": Number(apart=True),
    "optimizer.layer_decay": Number(off=1.0),
    "schedule.factor": Number(off=None),
    "schedule.final": Number(off=None),
    "loss.label_smoothing": Number(),
    "loss.confidence_penalty": Number(),
    "loss.mixup": Number(apart=True),
    "loss.cutmix": Number(apart=True),
    "model.dropout": Number(),
    "model.input_dropout": Number(),
    "model.drop_path": Number(),
}


def number_at(config: ConfigDict, field: str) -> float | None:
    """Returns the number that a field holds, also as text; None if it holds anything else, such as a choice."""
    section, name = field.split(".")
    try:
        return float(config[section][name])
    except (TypeError, ValueError):
        return None


def numbers_of(configs: Sequence[ConfigDict]) -> dict[str, tuple[float, ...]]:
    """Returns the numbers of runs that differ in numbers alone, by field; those that are off in all are left out."""
    found = {}
    for field, number in NUMBERS.items():
        values = tuple(number_at(config, field) for config in configs)
        if None not in values and set(values) != {number.off}:
            found[field] = values
    return found


def with_numbers(config: ConfigDict, section: str, numbers: Mapping[str, Any]) -> ConfigDict:
    """Returns a section of a config in which numbers stand as given, which may be arrays that jax traces."""
    copied = ConfigDict(dict(config[section].items()), type_safe=False)
    for field, value in numbers.items():
        where, name = field.split(".")
        if where == section:
            copied[name] = value
    return copied


def is_off(field: str, value: Any) -> bool:
    """Tells whether the part of the step that a number belongs to is left out; never that of a traced number."""
    return isinstance(value, int | float) and value == NUMBERS[field].off
