"""Interruption: SIGTERM and SIGINT end a run at its next step boundary, with everything saved.

The first signal asks: `requested` turns true, and what trains looks at it between two dispatches. Outside of `held`
there is nothing to save, and the signal ends the command where it arrives. A second signal leaves at once, also out of
compiled code, where Python's own handlers do not run: the interpreter writes the number of every signal to a pipe, and
a thread reads it. One that arrives within a second of the first is the same: a scheduler signals a whole group of
processes, and the launcher among them passes it on.
"""

from __future__ import annotations

import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator

EXIT_STATUS = 75  # EX_TEMPFAIL of sysexits.h: try again later
SIGNALS = (signal.SIGTERM, signal.SIGINT)
SECONDS_OF_ONE = 1.0


class Interrupted(KeyboardInterrupt):
    """A signal has ended the run; the same command goes on from where it was."""


class _State:
    """What has been asked of this process; signals belong to a process, and so does this."""

    def __init__(self) -> None:
        self.requested = threading.Event()
        self.held = 0


_state = _State()


def requested() -> bool:
    """Tells whether the run is to end at the next boundary."""
    return _state.requested.is_set()


def request() -> None:
    """Asks the run to end at the next boundary, as a signal does."""
    _state.requested.set()


@contextlib.contextmanager
def held() -> Iterator[None]:
    """Inside, a signal only asks: whoever trains looks at `requested` and saves.

    Raises:
        Interrupted: a signal came in an earlier part of the command, which had nothing left to train.
    """
    if requested():
        raise Interrupted("between two trainings")
    _state.held += 1
    try:
        yield
    finally:
        _state.held -= 1


@contextlib.contextmanager
def listening() -> Iterator[None]:
    """Answers SIGTERM and SIGINT in this way while a command runs; in a thread that is not the main one, not at all."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    _state.requested.clear()
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    threading.Thread(target=_leave_at_the_second, args=(reader,), daemon=True).start()
    before = {number: signal.signal(number, _ask) for number in SIGNALS}
    wakeup = signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    try:
        yield
    finally:
        signal.set_wakeup_fd(wakeup)
        for number, handler in before.items():
            signal.signal(number, handler)
        os.close(writer)  # the thread reads the end of the pipe, and ends
        _state.requested.clear()


def _ask(number: int, frame: object) -> None:
    request()
    if not _state.held:
        raise Interrupted("with nothing to save")


def _leave_at_the_second(reader: int) -> None:
    """Reads the numbers of the signals that arrive; says what happens, and leaves at the second."""
    first = None
    while number := os.read(reader, 1):
        if number[0] not in SIGNALS:
            continue
        name, now = signal.Signals(number[0]).name, time.monotonic()
        if first is None:
            first = now
            os.write(2, f"{name}: stopping at the next step; a second signal leaves at once\n".encode())
        elif now - first > SECONDS_OF_ONE:
            os.write(2, f"{name} again: leaving at once, without saving\n".encode())
            os._exit(128 + number[0])
    os.close(reader)
