"""Configs from files: an experiment's `get_config()`, or the `config.json` of a run."""

from __future__ import annotations

import importlib.util
import json
import re
import traceback
from pathlib import Path
from typing import Any

from ml_collections import config_dict

from deepvision.config import default_config
from deepvision.errors import UserError


def load(path: str) -> config_dict.ConfigDict:
    """Returns the config of the experiment file `path`; its name, if not set there, is the file's.

    Raises:
        UserError: no such file, or it does not run, or has no `get_config()`; names the file and the line.
    """
    file = Path(path)
    if not file.is_file():
        raise UserError(f"--config: there is no file {path!r}")
    spec = importlib.util.spec_from_file_location("deepvision_experiment", file.absolute())
    if spec is None or spec.loader is None:
        raise UserError(f"--config: {path!r} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config()
    except Exception as error:  # whatever the user's file does wrong, the answer is where
        raise UserError(_describe(error, file)) from error
    if not isinstance(config, config_dict.ConfigDict):
        raise UserError(f"{path}: get_config() must return a ConfigDict, returned {type(config).__name__}")
    config.lock()
    if not config.name:
        config.name = file.stem
    return config


def _describe(error: Exception, file: Path) -> str:
    """Returns one line: the file, the line in it, and what went wrong there."""
    if isinstance(error, SyntaxError) and error.filename == str(file.absolute()):
        return f"{file}:{error.lineno}: {error.msg}"
    if isinstance(error, AttributeError) and "get_config" in str(error):
        return f"{file}: there is no function get_config() in it"
    frames = traceback.extract_tb(error.__traceback__)
    lines = [frame.lineno for frame in frames if Path(frame.filename) == file.absolute()]
    where = f"{file}:{lines[-1]}" if lines else str(file)
    missing = re.search(r'Key "(\w+)" does not exist', str(error))
    if missing:
        near = re.search(r'Did you mean "(\w+)"', str(error))
        hint = f"did you mean {near[1]!r}?" if near else "deepvision/config.py lists the fields"
        return f"{where}: config has no field {missing[1]!r}; {hint}"
    return f"{where}: {type(error).__name__}: {str(error).splitlines()[0] if str(error) else ''}"


def of_run(folder: Path) -> config_dict.ConfigDict:
    """Returns the config that the run in `folder` was made with.

    Raises:
        UserError: there is no run, or its config has a field that this version does not know.
    """
    file = folder / "config.json"
    if not file.is_file():
        raise UserError(f"{folder} holds no run: there is no {file}")
    config = default_config()
    _fill(config, json.loads(file.read_text()), file)
    return config


def _fill(config: config_dict.ConfigDict, stored: dict[str, Any], file: Path) -> None:
    for key, value in stored.items():
        if key not in config:
            raise UserError(f"{file} has a field {key!r} that this version of deepvision does not know")
        if isinstance(config[key], config_dict.ConfigDict):
            _fill(config[key], value, file)
        else:
            config[key] = _tuples(value)


def _tuples(value: Any) -> Any:
    """JSON knows lists only; in a config every sequence is a tuple."""
    return tuple(_tuples(item) for item in value) if isinstance(value, list) else value
