"""Manifests: the size and the SHA-256 of every file of a checkpoint, written when all of them are.

A folder without one was not finished, and one whose files differ from it is damaged. What orbax notes for itself beside
them, when and by whom it was written, is changed after that and does not count.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path

NAME = "manifest.json"
_OF_ORBAX = ("_CHECKPOINT_METADATA", "commit_success.txt")


def write(folder: Path) -> None:
    """Writes the manifest of a folder, so that it is there whole or not at all."""
    files = {name: {"bytes": file.stat().st_size, "sha256": _digest(file)} for name, file in _files(folder).items()}
    temporary = folder / f".{NAME}"
    with temporary.open("w") as out:
        json.dump(files, out, indent=1)
        out.flush()
        os.fsync(out.fileno())
    temporary.replace(folder / NAME)


def problem(folder: Path) -> str | None:
    """Returns what is wrong with a folder; None if it is what was written."""
    try:
        expected, found = json.loads((folder / NAME).read_text()), _files(folder)
        for name, written in expected.items():
            if name not in found:
                return f"{name} is missing"
            if found[name].stat().st_size != written["bytes"]:
                return f"{name} has {found[name].stat().st_size} bytes, not {written['bytes']}"
            if _digest(found[name]) != written["sha256"]:
                return f"{name} has another checksum than when it was written"
    except FileNotFoundError:
        return "it was not written to its end"
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        return f"it cannot be read: {error}"
    return None


def _files(folder: Path) -> dict[str, Path]:
    """Returns the files below a folder by their place in it, but for the manifest and what does not count."""
    files = {file.relative_to(folder).as_posix(): file for file in sorted(folder.rglob("*")) if file.is_file()}
    return {name: file for name, file in files.items() if name not in (NAME, f".{NAME}", *_OF_ORBAX)}


def _digest(file: Path) -> str:
    with file.open("rb") as data:
        return hashlib.file_digest(data, "sha256").hexdigest()
