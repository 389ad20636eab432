"""Reads the JSON that runs leave behind, which may be damaged by now, or another's: its form is checked, key by key."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from deepvision.errors import UserError

# A form is a type, a list with the form of every item, or a mapping of keys to forms; a key may end in "?": it may be
# missing. What else there is plays no part.
RUN = {"seed": int}  # a row of result.json
RESULT = {
    "name": str,
    "parameters": int,
    "seeds": [int],
    "last": [RUN],
    "best": [RUN],
    "images_per_second": float,
    "seconds": float,
    "ensemble?": dict,
}
METRICS = {"step": int, "epoch": float, "split": str, "seed": int}  # a line of metrics.jsonl
TIMING = {"step": int, "images_per_second": float}


def read_json(file: Path, form: Any = object) -> Any:
    """Reads a JSON file of some form; a damaged one is the user's to remove.

    Raises:
        UserError: it cannot be read, or has another form; says where.
    """
    try:
        return _checked(json.loads(file.read_text()), form)
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file} is damaged ({error}); remove it, or the run it belongs to") from error


def read_lines(file: Path, form: Any) -> list[Any]:
    """Reads a file with JSON of some form in every line, but for a last one that a kill cut short; no file has none.

    Raises:
        UserError: as of `read_json`; names the line.
    """
    rows = []
    for number, line in enumerate(whole_lines(file), 1):
        try:
            rows.append(_checked(json.loads(line), form))
        except (ValueError, RecursionError) as error:
            raise UserError(f"{file}:{number} is damaged ({error}); remove that line, or the run") from error
    return rows


def whole_lines(file: Path) -> list[str]:
    """Returns the lines of a file, without a last one that a kill cut short; none if there is no file."""
    if not file.exists():
        return []
    try:
        return [line for line in file.read_text().splitlines(keepends=True) if line.endswith("\n")]
    except OSError as error:
        raise UserError(f"cannot read {file}: {error.strerror or error}") from error
    except ValueError as error:
        raise UserError(f"{file} is damaged ({error}); remove it, or the run it belongs to") from error


def _checked(value: Any, form: Any, where: str = "it") -> Any:
    """Returns the value, if it has the form.

    Raises:
        ValueError: it has not; says where.
    """
    if isinstance(form, dict):
        _check_type(value, dict, where)
        for key, inner in form.items():
            name = key.removesuffix("?")
            if name in value:
                _checked(value[name], inner, repr(name))
            elif name == key:
                raise ValueError(f"{name!r} is missing")
    elif isinstance(form, list):
        _check_type(value, list, where)
        for item in value:
            _checked(item, form[0], f"an item of {where}")
    else:
        _check_type(value, form, where)
    return value


def _check_type(value: Any, wanted: type, where: str) -> None:
    fits = isinstance(value, int | float if wanted is float else wanted)
    if not fits or (isinstance(value, bool) and wanted in (int, float)):
        raise ValueError(f"{where} must be a {wanted.__name__}, it is {str(value)[:40]!r}")
