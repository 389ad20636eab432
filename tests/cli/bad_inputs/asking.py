"""Asks the command line, in this process, and says what a good answer to bad input is."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import io
import re
import time
from pathlib import Path

from deepvision.cli import app

SECONDS = 20.0  # for any refusal: nobody waits long to hear of a mistake; a machine may be busy with other things

PROGRESS = re.compile(r"\w+  \d+/\d+  ")


@dataclasses.dataclass(frozen=True)
class Answer:
    """What a command returned and wrote."""

    status: int
    out: str
    err: str

    @property
    def errors(self) -> list[str]:
        return [line for line in self.err.splitlines() if line.startswith("error: ")]

    @property
    def said(self) -> list[str]:
        """The lines on standard error but for those of progress, "predict  3/29  25 images/s"."""
        return [line for line in self.err.splitlines() if not PROGRESS.match(line)]


def ask(*words: object) -> Answer:
    """Runs a command; an exception that it lets through, which would be a traceback, fails the test."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        status = app.main([str(word) for word in words])
    return Answer(status, out.getvalue(), err.getvalue())


def assert_refused(*words: object, says: str = "", kept: Path | None = None) -> str:
    """Asks for something bad and returns the one line that refuses it.

    Args:
        words: of the command line.
        says: what must stand in the line.
        kept: a folder that must hold the same bytes afterwards.
    """
    before, started = kept and digest(kept), time.monotonic()
    answer = ask(*words)
    assert time.monotonic() - started < SECONDS
    assert answer.status == 2, answer
    assert "Traceback" not in answer.err
    assert answer.said[-1:] == answer.errors, answer.err
    assert says in answer.errors[0], answer.err
    assert kept is None or digest(kept) == before, f"{kept} has changed"
    return answer.errors[0]


def digest(folder: Path) -> dict[str, str]:
    """Returns the SHA-256 of every file below a folder, by its path."""
    files = sorted(file for file in folder.rglob("*") if file.is_file())
    return {str(file.relative_to(folder)): hashlib.sha256(file.read_bytes()).hexdigest() for file in files}
