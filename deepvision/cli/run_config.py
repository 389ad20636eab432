"""The config and the seeds of a run, from what it wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.ablation.reading import read_metrics
from deepvision.config import default_config
from deepvision.config_checks import check_values
from deepvision.errors import UserError
from deepvision.train.stored import read_json


def read_config(folder: Path) -> config_dict.ConfigDict:
    """Returns the config that the run in `folder` was made with.

    Raises:
        UserError: there is no run, or its config has a field that this version does not know, or a value that no
            field can have; names the file and the field.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder} holds no run: there is no {file}")
    config, stored = default_config(), read_json(file, dict)
    try:
        _fill(config, stored, "")
        check_values(config)
    except UserError as error:
        raise UserError(f"{file}: {error}") from None
    return config


def _fill(config: config_dict.ConfigDict, stored: dict[str, Any], prefix: str) -> None:
    for key, value in stored.items():
        field = f"{prefix}{key}"
        if key not in config:
            raise UserError(f"it has a field {field!r} that this version of deepvision does not know")
        if isinstance(config[key], config_dict.ConfigDict):
            if not isinstance(value, dict):
                raise UserError(f"{field!r} must be a mapping, it is {value!r}")
            _fill(config[key], value, f"{field}.")
        else:
            _set(config, key, _tuples(value), field)


def _set(config: config_dict.ConfigDict, key: str, value: Any, field: str) -> None:
    try:
        config[key] = value
    except TypeError:
        raise UserError(f"{field} is of type {config.get_type(key).__name__}, got {value!r}") from None


def _tuples(value: Any) -> Any:
    """JSON knows lists only; in a config every sequence is a tuple."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def read_seeds(folder: Path, default: int | None) -> tuple[int | None, ...]:
    """Returns the seeds that were trained together in a run folder, finished or not; `default` if it does not say."""
    seeds = dict.fromkeys(row["seed"] for row in read_metrics(folder))
    return tuple(seeds) or (default,)
