"""How long one training took: in all, to its first step, from there to its last prediction, and to compile."""

from __future__ import annotations

import functools
import time

import jax

_COMPILING = "/jax/core/compile/"  # what jax calls tracing, lowering and compiling
_NOT_COMPILING = "/jax/compilation_cache/compile_time_saved_sec"


class Clock:
    """Times of one call of the loop, in seconds of wall time.

    Attributes:
        to_first_step: from the start to the end of the first dispatch, compilation included; None: there was none.
    """

    def __init__(self) -> None:
        listen()
        self._started = time.perf_counter()
        self._first_step: float | None = None
        self._last_prediction: float | None = None
        self.to_first_step: float | None = None

    @property
    def total(self) -> float:
        """From the start until now."""
        return time.perf_counter() - self._started

    @property
    def to_compile(self) -> float:
        """What jax has spent tracing, lowering and compiling since the start."""
        return _compiled(self._started, time.perf_counter())

    @property
    def of_work(self) -> float | None:
        """From the start of the first step to the last prediction, compilation left out; None: there was not both."""
        if self._first_step is None or self._last_prediction is None:
            return None
        return self._last_prediction - self._first_step - _compiled(self._first_step, self._last_prediction)

    def steps(self) -> None:
        """Notes that steps are about to be made."""
        self._first_step = self._first_step or time.perf_counter()

    def stepped(self) -> bool:
        """Notes that a dispatch has ended; returns whether it was the first."""
        first = self.to_first_step is None
        self.to_first_step = self.total if first else self.to_first_step
        return first

    def predicted(self) -> None:
        """Notes that all predictions of an evaluation are there."""
        self._last_prediction = time.perf_counter()


_SPANS: list[tuple[float, float]] = []  # (start, end) of what was compiled in this process; none holds another
_SAVINGS: list[tuple[float, float]] = []  # (when, seconds) of what was not, since an earlier process had kept it


@functools.cache
def listen() -> None:
    """Has jax report, from now on, how long it compiles, and how long it need not."""
    jax.monitoring.register_event_duration_secs_listener(lambda event, seconds, **_: _heard(event, seconds))


def saved(start: float, end: float) -> float:
    """Returns how many seconds more it would have taken to compile what the cache had in this time."""
    return sum(seconds for when, seconds in _SAVINGS if start <= when <= end)


def _heard(event: str, seconds: float) -> None:
    if event == _NOT_COMPILING:
        _SAVINGS.append((time.perf_counter(), seconds))
    if event.startswith(_COMPILING):
        end = time.perf_counter()
        while _SPANS and _SPANS[-1][0] >= end - seconds:  # a part of this one, which ends later
            _SPANS.pop()
        _SPANS.append((end - seconds, end))


def _compiled(start: float, end: float) -> float:
    return sum(max(min(end, b) - max(start, a), 0.0) for a, b in _SPANS)
