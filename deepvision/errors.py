"""The one exception that means "the user can mend this"."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class UserError(ValueError):
    """A mistake in what the user asked for: one line that says what is wrong, where, and what to do.

    The command line prints it without a traceback and exits with status 2.
    """


def unknown(what: str, name: object, valid: Iterable[str]) -> UserError:
    """Returns the error for a name that is not in a table: it lists the valid names and the nearest one."""
    names = sorted(valid)
    near = difflib.get_close_matches(str(name), names, n=1)
    hint = f" (did you mean {near[0]!r}?)" if near else ""
    return UserError(f"unknown {what} {name!r}{hint}. Valid: {', '.join(names)}")


def as_line(text: object) -> str:
    """Returns a text as one line: what decoders say, and names of files, may have several."""
    return " ".join(str(text).splitlines())


def out_of_memory(error: Exception) -> bool:
    """Tells whether an error of jax says that a device has no memory left."""
    return "RESOURCE_EXHAUSTED" in str(error) or "Out of memory" in str(error)
