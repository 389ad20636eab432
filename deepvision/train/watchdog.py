"""The watchdog: a run in which nothing moves any more is ended, with the stacks of its threads, not waited for."""

from __future__ import annotations

import faulthandler
import os
import sys
import threading
import time

from deepvision.train.interruption import EXIT_STATUS


class Watchdog:
    """Ends the process when it is not told of any progress for too long.

    Args:
        seconds: how long; 0: never.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds, self._last = seconds, (time.monotonic(), "the start")
        self._closed = threading.Event()
        if seconds:
            threading.Thread(target=self._watch, daemon=True).start()

    def beat(self, what: str) -> None:
        """Tells of progress: what has just been done."""
        self._last = (time.monotonic(), what)

    def close(self) -> None:
        """Stops watching."""
        self._closed.set()

    def _watch(self) -> None:
        left = self._seconds
        while not self._closed.wait(left):
            at, what = self._last
            left = at + self._seconds - time.monotonic()
            if left <= 0:
                self._bark(what)

    def _bark(self, what: str) -> None:
        print(
            f"error: nothing has moved for {self._seconds:g} s (train.watchdog_seconds) since {what}."
            " Another process, a data worker or the device hangs; the same command goes on from the last checkpoint."
            " What each thread was doing:",
            file=sys.stderr,
            flush=True,
        )
        faulthandler.dump_traceback(file=sys.stderr, all_threads=True)
        os._exit(EXIT_STATUS)
