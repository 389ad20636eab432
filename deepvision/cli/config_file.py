"""The config of an experiment file: what its `get_config()` returns."""

from __future__ import annotations

import ast
import importlib.util
import re
import traceback
from pathlib import Path

from ml_collections import config_dict

from deepvision.config_checks import check_fields, check_values
from deepvision.errors import UserError


def load(path: str) -> config_dict.ConfigDict:
    """Returns the config of the experiment file `path`; its name, if not set there, is the file's.

    "FILE:VARIANT" is what `get_config(VARIANT)` returns.

    Raises:
        UserError: no such file, or it does not run, or has no `get_config()`; names the file and the line.
    """
    path, variant = _split(path)
    file = Path(path)
    if not file.is_file():
        raise UserError(f"--config: there is no file {path!r}")
    spec = importlib.util.spec_from_file_location("deepvision_experiment", file.absolute())
    if spec is None or spec.loader is None:
        raise UserError(f"--config: {path!r} is not a Python file (its name must end in .py)")
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config(variant) if variant else module.get_config()
    except (Exception, SystemExit) as error:  # whatever the user's file does wrong, the answer is where
        raise UserError(_describe(error, file)) from error
    if not isinstance(config, config_dict.ConfigDict):
        raise UserError(f"{path}: get_config() must return a ConfigDict, returned {type(config).__name__}")
    try:
        check_fields(config)
        check_values(config)
    except UserError as error:
        raise UserError(f"{path}: {error}") from None
    config.lock()
    if not config.name:
        config.name = f"{file.stem}_{variant}" if variant else file.stem
    return config


def docstring(path: str) -> str:
    """Returns what the experiment file `path`, which loads, says of itself; nothing if it does not."""
    file, _ = _split(path)
    return ast.get_docstring(ast.parse(Path(file).read_text(encoding="utf-8"))) or ""


def _split(path: str) -> tuple[str, str]:
    """Returns the file and the variant of "FILE:VARIANT"."""
    file, colon, variant = path.rpartition(":")
    return (file, variant) if colon and file.endswith(".py") else (path, "")


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
