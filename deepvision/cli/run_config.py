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
        UserError: there is no run, or its config has a field that this version does not know.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder} holds no run: there is no {file}")
    config = default_config()
    try:
        _fill(config, read_json(file, dict), file)
        check_values(config)
    except TypeError as error:
        raise UserError(f"{file}: {str(error).splitlines()[0]}") from None
    return config


def _fill(config: config_dict.ConfigDict, stored: dict[str, Any], file: Path) -> None:
    for key, value in stored.items():
        if key not in config:
            raise UserError(f"{file} has a field {key!r} that this version of deepvision does not know")
        if isinstance(config[key], config_dict.ConfigDict):
            if not isinstance(value, dict):
                raise UserError(f"{file}: {key!r} must be a mapping, it is {value!r}")
            _fill(config[key], value, file)
        else:
            config[key] = _tuples(value)


def _tuples(value: Any) -> Any:
    """JSON knows lists only; in a config every sequence is a tuple."""
    if isinstance(value, dict):
        return {key: _tuples(item) for key, item in value.items()}
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value


def read_seeds(folder: Path, default: int) -> tuple[int, ...]:
    """Returns the seeds that were trained together in a run folder, finished or not; `default` if it does not say."""
    seeds = dict.fromkeys(row["seed"] for row in read_metrics(folder))
    return tuple(seeds) or (default,)
