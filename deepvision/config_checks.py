"""What can be said of any config before anything is built: its fields are there, of their types, and mean something."""

from __future__ import annotations

from typing import Any

from ml_collections import config_dict

from deepvision.ablation.fields import field_names
from deepvision.config import default_config
from deepvision.errors import UserError

_LARGEST = {int: 2**31 - 1, float: 3e38}  # what steps and seeds can count to; what float32 holds


def check_fields(config: config_dict.ConfigDict) -> None:
    """Raises a UserError unless a config has the sections and fields of the default one, and no others."""
    _check_section(config, default_config(), "")


def check_values(config: config_dict.ConfigDict) -> None:
    """Raises a UserError for a value of another type than its field, or a number that no field can mean.

    Such is one that is negative, not finite, or too large for 32 bits.
    """
    default = default_config()
    for field in field_names(default):
        *sections, name = field.split(".")
        ours, own = config, default
        for section in sections:
            ours, own = ours[section], own[section]
        if name in ours:
            _check_value(field, ours[name], own, name)


def _check_section(config: config_dict.ConfigDict, default: config_dict.ConfigDict, prefix: str) -> None:
    for name in sorted(set(config.keys()) ^ set(default.keys())):
        lacks = "lacks the field" if name in default else "has a field that does not exist,"
        raise UserError(f"the config {lacks} {prefix}{name}: start from deepvision.config.default_config()")
    for name, value in default.items():
        if isinstance(value, config_dict.ConfigDict):
            if not isinstance(config[name], config_dict.ConfigDict):
                raise UserError(f"{prefix}{name} is a section of the config, not {config[name]!r}")
            _check_section(config[name], value, f"{prefix}{name}.")


def _check_value(field: str, value: Any, default: config_dict.ConfigDict, name: str) -> None:
    """Checks one value against the section of the default config that its field is in."""
    largest = _LARGEST.get(type(value))
    if largest is not None and not 0 <= value <= largest:
        raise UserError(f"{field} must be a number from 0 to {largest:,}, got {value}")
    wanted, may_be_none = default.get_type(name), default[name] is None
    try:
        if value is None and not may_be_none:
            raise TypeError
        default[name] = value
    except TypeError:
        raise UserError(f"{field} is of type {wanted.__name__}, got {value!r}") from None
