"""Dotted fields of a config: their names, setting one, copying all."""

from __future__ import annotations

import difflib
from collections.abc import Iterable
from typing import Any

from ml_collections import config_dict

from deepvision.errors import UserError


def field_names(config: config_dict.ConfigDict, prefix: str = "") -> list[str]:
    """Returns the dotted names of all fields of `config`, sections left out."""
    names = []
    for key, value in config.items():
        inner = isinstance(value, config_dict.ConfigDict)
        names += field_names(value, f"{prefix}{key}.") if inner else [prefix + key]
    return names


def no_such_field(field: str, names: Iterable[str]) -> UserError:
    """Returns the error for a field that is not among `names`, with the nearest one that is."""
    near = difflib.get_close_matches(field, list(names), n=1)
    hint = f"did you mean {near[0]!r}?" if near else "deepvision/config.py lists the fields"
    return UserError(f"config has no field {field!r}; {hint}")


def get_type(config: config_dict.ConfigDict, field: str) -> type:
    """Returns the type of one dotted field; `object` where anything is allowed."""
    section, last = _locate(config, field)
    return section.get_type(last)


def get_field(config: config_dict.ConfigDict, field: str) -> Any:
    """Returns the value of one dotted field."""
    section, last = _locate(config, field)
    return section[last]


def set_field(config: config_dict.ConfigDict, field: str, value: Any) -> None:
    """Sets one dotted field.

    Raises:
        UserError: the value is not of the field's type.
    """
    section, last = _locate(config, field)
    try:
        section[last] = value
    except TypeError:
        raise UserError(f"{field} is of type {section.get_type(last).__name__}, got {value!r}") from None


def _locate(config: config_dict.ConfigDict, field: str) -> tuple[config_dict.ConfigDict, str]:
    *sections, last = field.split(".")
    for section in sections:
        config = config[section]
    return config, last


def copy_config(config: config_dict.ConfigDict) -> config_dict.ConfigDict:
    """Returns an unlocked copy with the same field types. `copy.deepcopy` would turn values that are mappings into
    sections, and fails on those with dots in their keys, such as the axes of an ablation."""
    copied = config_dict.ConfigDict()
    for key, value in config.items():
        if isinstance(value, config_dict.ConfigDict):
            copied[key] = copy_config(value)
        else:
            copied[key] = config_dict.placeholder(config.get_type(key))
            copied[key] = value
    return copied
