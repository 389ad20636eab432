"""The arms of an ablation: the combinations of its axes, or a list of named ones."""

from __future__ import annotations

import ast
import dataclasses
import hashlib
import itertools
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.fields import copy_config, field_names, get_field, no_such_field, set_field
from deepvision.errors import UserError, unknown

WITHIN = ("data.name",)  # what `ablation.within` is by default: accuracies on two data sets do not compare

# Not what an arm may differ in: a label, and what belongs to the comparison as a whole.
_NOT_AN_AXIS = ("name", "seed", "ablation")
_MOST = 10_000  # arms, or seeds of each: nobody waits for more
_NAMED = "arm"  # the one axis of arms that are listed by name
# Questions to the arms together, and how they are made: no part of a run.
_NO_PART_OF_A_RUN = {
    "axes": None,
    "arms": None,
    "mode": "product",
    "exclude": None,
    "tune": None,
    "tune_seeds": 1,
    "baseline": "",
    "within": WITHIN,
    "delta": 0.0,
}


@dataclasses.dataclass(frozen=True)
class Arm:
    """One arm: how it is called in tables, the fields it changes, and its config."""

    labels: tuple[str, ...]  # one per axis: "batch"
    name: str  # "norm=batch"
    changes: Mapping[str, Any]  # {"model.norm": "batch"}
    config: config_dict.ConfigDict

    @property
    def slug(self) -> str:
        """The name of the arm's folder: a function of the arm's name alone, unlike that of any other arm."""
        plain = re.sub(r"[^A-Za-z0-9._=,+-]+", "_", self.name)[:100]
        safe = plain == self.name and plain.strip(".")
        return plain if safe else f"{plain}-{hashlib.sha256(self.name.encode()).hexdigest()[:8]}"


def make_arms(config: config_dict.ConfigDict) -> list[Arm]:
    """Returns the arms of `config.ablation`.

    Of `axes`, they are the combinations of all values, the last axis varying fastest (mode "product"), or the first
    values of all axes, then the second ones ... ("zip"); of `arms`, those listed. A combination that matches every
    field of one of `exclude` is left out.

    The config of an arm is `config` with the arm's values and without the axes: an axis may grow later without
    touching the arms that have been run.

    Raises:
        UserError: neither axes nor arms or both, an empty axis, a field that does not exist, a value of the wrong type,
            a value or an arm given twice, axes of different lengths in "zip", an exclusion that leaves out nothing or
            all.
    """
    _check_numbers(config)
    axes, listed = (_mapping(config, field) for field in ("axes", "arms"))
    if axes and listed:
        raise UserError("config.ablation.axes and config.ablation.arms exclude each other: give one of them")
    if not axes and not listed:
        raise UserError(
            'config.ablation.axes is empty: give it fields and values, {"model.norm": ("batch", "group")},'
            " or list the arms in config.ablation.arms"
        )
    return _kept(config, _listed(config, listed) if listed else _combined(config, axes))


def axis_fields(config: config_dict.ConfigDict) -> list[str]:
    """Returns the dotted fields of the axes; arms that are listed have one axis, their name."""
    return list(_mapping(config, "axes")) or [_NAMED]


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


def changed(config: config_dict.ConfigDict, changes: Mapping[str, Any], name: str) -> config_dict.ConfigDict:
    """Returns the config of a run: `config` with the given fields changed, and nothing of the other arms."""
    copied = copy_config(config)
    for field, value in changes.items():
        set_field(copied, field, value)
    copied.ablation.update({field: value for field, value in _NO_PART_OF_A_RUN.items() if field in copied.ablation})
    copied.name = f"{config.name} {name}"
    return copied.lock()


def check_field(config: config_dict.ConfigDict, field: str) -> None:
    """Makes sure that a field is there and may differ between arms."""
    if not isinstance(field, str) or field.split(".")[0] in _NOT_AN_AXIS:
        raise UserError(f"{field!r} cannot be an ablation axis; how many seeds every arm has is config.ablation.seeds")
    names = field_names(config)
    if field not in names:
        raise no_such_field(field, names)


def read_values(config: config_dict.ConfigDict, field: str) -> dict[str, tuple[Any, ...]]:
    """Reads {field: values} of `config.ablation`, such as `axes` and `tune`; {} if there is none."""
    values = _mapping(config, field)
    for name, several in values.items():
        check_field(config, name)
        if not isinstance(several, list | tuple) or not several:
            raise UserError(f"ablation.{field}: {name!r} needs a tuple of one or more values, got {several!r}")
        labels = [label(value) for value in several]
        for text in labels:
            if labels.count(text) > 1:
                raise UserError(f"ablation.{field}: {name!r} has {text} more than once")
    return {name: tuple(several) for name, several in values.items()}


def read_within(config: config_dict.ConfigDict) -> tuple[str, ...]:
    """Returns the fields of `ablation.within`, which are axes but for those named by default."""
    fields = _literal(config.ablation.within, "within")
    axes = axis_fields(config)
    for field in fields:
        if field not in (*axes, *WITHIN):
            raise unknown("axis in config.ablation.within", field, axes)
    return tuple(fields)


def _check_numbers(config: config_dict.ConfigDict) -> None:
    if config.ablation.delta < 0:
        raise UserError(f"config.ablation.delta must not be negative, got {config.ablation.delta}")
    if not 1 <= config.ablation.seeds <= _MOST:
        raise UserError(f"config.ablation.seeds must be 1 to {_MOST:,}, got {config.ablation.seeds}")
    if config.ablation.mode not in _MODES:
        raise unknown("config.ablation.mode", config.ablation.mode, _MODES)


def _mapping(config: config_dict.ConfigDict, field: str) -> dict[str, Any]:
    """Returns a field of `config.ablation` that is a mapping, also from its text as a command line gives it."""
    value = _literal(config.ablation[field], field)
    if value is not None and not isinstance(value, Mapping):
        raise UserError(f"config.ablation.{field} must map fields to values, got {value!r}")
    return dict(value or {})


def _literal(value: Any, field: str) -> Any:
    if not isinstance(value, str):
        return value
    try:
        return ast.literal_eval(value) if value else None
    except (SyntaxError, ValueError):
        raise UserError(f"cannot read config.ablation.{field} {value!r}: write it as in Python") from None


def _product(axes: Mapping[str, Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    count = math.prod(map(len, axes.values()))
    if count > _MOST:
        raise UserError(
            f"config.ablation.axes make {count:,} arms; at most {_MOST:,} are taken: fewer values, or 'zip'"
        )
    return itertools.product(*axes.values())


def _zip(axes: Mapping[str, Sequence[Any]]) -> Iterable[tuple[Any, ...]]:
    lengths = {field: len(values) for field, values in axes.items()}
    if len(set(lengths.values())) > 1:
        counts = ", ".join(f"{field} has {length}" for field, length in lengths.items())
        raise UserError(f"ablation.mode = 'zip' needs as many values on every axis; {counts}")
    return zip(*axes.values(), strict=True)


_MODES = {"product": _product, "zip": _zip}


def _combined(config: config_dict.ConfigDict, axes: Mapping[str, Any]) -> list[Arm]:
    axes = read_values(config, "axes")
    short, arms = axis_names(list(axes)), []
    for values in _MODES[config.ablation.mode](axes):
        labels = tuple(_label(value, get_field(config, field)) for field, value in zip(axes, values, strict=True))
        name = ",".join(f"{axis}={text}" for axis, text in zip(short, labels, strict=True))
        changes = dict(zip(axes, values, strict=True))
        arms.append(Arm(labels, name, changes, changed(config, changes, name)))
    return arms


def _label(value: Any, base: Any) -> str:
    """Returns the label of a value of an axis; of a mapping that adds to that of the config, what it adds.

    It does not depend on the other values of the axis, which may grow: arms that have been run keep their names.
    """
    base = {} if base is None else base
    if not (isinstance(value, Mapping) and isinstance(base, Mapping)) or "name" in value or base.keys() - value.keys():
        return label(value)
    added = {key: item for key, item in value.items() if key not in base or base[key] != item}
    return ", ".join(f"{key}={item!r}" for key, item in added.items()) or label(value)


def _listed(config: config_dict.ConfigDict, listed: Mapping[str, Any]) -> list[Arm]:
    arms: list[Arm] = []
    for name, changes in listed.items():
        if not isinstance(name, str) or not name.strip():
            raise UserError(f"config.ablation.arms: an arm needs a name, got {name!r}")
        if not isinstance(changes, Mapping):
            raise UserError(f"config.ablation.arms: {name!r} must map fields to values, got {changes!r}")
        for field in changes:
            check_field(config, field)
        twin = next((arm.name for arm in arms if _texts(arm.changes) == _texts(changes)), None)
        if twin is not None:
            raise UserError(f"config.ablation.arms: {name!r} is the same as {twin!r}")
        arms.append(Arm((name,), name, dict(changes), changed(config, changes, name)))
    return arms


def _texts(changes: Mapping[str, Any]) -> dict[str, str]:
    return {field: label(value) for field, value in changes.items()}


def _kept(config: config_dict.ConfigDict, arms: list[Arm]) -> list[Arm]:
    """Returns the arms that no exclusion matches."""
    exclusions = _exclusions(config)
    for exclusion in exclusions:
        if not any(_matches(arm, exclusion) for arm in arms):
            raise UserError(f"ablation.exclude: no arm matches {exclusion!r}")
    kept = [arm for arm in arms if not any(_matches(arm, exclusion) for exclusion in exclusions)]
    if not kept:
        raise UserError("ablation.exclude leaves out every arm")
    return kept


def _exclusions(config: config_dict.ConfigDict) -> list[dict[str, Any]]:
    value = _literal(config.ablation.exclude, "exclude") or ()
    exclusions = (value,) if isinstance(value, Mapping) else value
    for exclusion in exclusions:
        if not isinstance(exclusion, Mapping) or not exclusion:
            raise UserError(f"ablation.exclude: each entry must map fields to values, got {exclusion!r}")
        for field in exclusion:
            check_field(config, field)
    return [dict(exclusion) for exclusion in exclusions]


def _matches(arm: Arm, exclusion: Mapping[str, Any]) -> bool:
    def matches(field: str, wanted: Any) -> bool:
        value = get_field(arm.config, field)
        several = wanted if isinstance(wanted, list | tuple) else (wanted,)
        return value == wanted or any(value == one or label(value) == label(one) for one in several)

    return all(matches(field, wanted) for field, wanted in exclusion.items())
