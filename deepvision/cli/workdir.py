"""The folder that a command writes to."""

from __future__ import annotations

import tempfile
from pathlib import Path

from deepvision.errors import UserError


def named(path: str | None, name: str) -> Path:
    """Returns the folder `path` (default: runs/<name>)."""
    return Path(path or f"runs/{name}")


def prepare(path: str | None, name: str) -> Path:
    """Makes the folder `path` (default: runs/<name>) if there is none, and makes sure that it can be written to.

    Raises:
        UserError: it cannot be made or written to; says why.
    """
    workdir = named(path, name)
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=workdir):
            pass
    except OSError as error:
        raise UserError(f"cannot write to folder {workdir}: {error.strerror}") from None
    return workdir
