"""What a run folder says about itself, read without the engine."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.errors import UserError


def is_finished(folder: Path) -> bool:
    """A run is finished once it has written its result."""
    return (folder / "result.json").is_file()


def read_json(file: Path) -> dict[str, Any]:
    """Returns the mapping in `file`.

    Raises:
        UserError: it does not exist, or is not JSON.
    """
    try:
        return json.loads(file.read_text())
    except FileNotFoundError:
        raise UserError(f"there is no {file}") from None
    except json.JSONDecodeError as error:
        raise UserError(f"{file}:{error.lineno} is not JSON: {error.msg}") from None


def read_metrics(folder: Path) -> list[dict[str, Any]]:
    """Returns the rows of metrics.jsonl, or none if the run has not written any."""
    file = folder / "metrics.jsonl"
    return [json.loads(line) for line in file.read_text().splitlines()] if file.is_file() else []


def check_config(config: config_dict.ConfigDict, folder: Path) -> None:
    """Makes sure that `folder` is free, or holds a run of this very config.

    Its name does not count: it is a label.

    Raises:
        UserError: the folder holds a run with another config; the message names the fields that differ.
    """
    file = folder / "config.json"
    if not file.is_file():
        return
    stored, asked = _flat(read_json(file)), _flat(json.loads(json.dumps(config.to_dict())))
    names = sorted((stored.keys() | asked.keys()) - {"name"})
    changes = [
        f"{name} ({_value(stored, name)} there, {_value(asked, name)} now)"
        for name in names
        if _value(stored, name) != _value(asked, name)
    ]
    if changes:
        raise UserError(
            f"{folder} holds a run with another config: {', '.join(changes)}. "
            "Give another --workdir, or the config it was started with"
        )


def _flat(section: dict[str, Any], prefix: str = "") -> dict[str, Any]:
    """Returns {"a.b": value} of {"a": {"b": value}}."""
    flat: dict[str, Any] = {}
    for key, value in section.items():
        flat |= _flat(value, f"{prefix}{key}.") if isinstance(value, dict) else {prefix + key: value}
    return flat


def _value(flat: dict[str, Any], name: str) -> str:
    return repr(flat[name]) if name in flat else "absent"
