"""Progress of a training run: a live bar on a terminal, a line now and then elsewhere.

Both have the methods that the engine calls: start, step, evaluated, note, finish.
"""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

SECONDS_BETWEEN_LINES = 5.0


def make_display(console: Console) -> LiveDisplay | PlainDisplay:
    """Returns the display that suits where `console` writes."""
    return LiveDisplay(console) if console.is_terminal else PlainDisplay(console)


class LiveDisplay:
    """One bar: steps, the latest numbers, images/s, time left."""

    def __init__(self, console: Console):
        self._console = console
        self._numbers = _Numbers()
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def start(self, title: str, total_steps: int) -> None:
        self._numbers = _Numbers()
        self._progress = Progress(
            TextColumn("{task.description}", markup=False),
            BarColumn(bar_width=24),
            MofNCompleteColumn(),
            TextColumn("{task.fields[numbers]}", markup=False),
            TimeRemainingColumn(compact=True),
            console=self._console,
            transient=True,
        )
        self._task = self._progress.add_task(title, total=total_steps, numbers="compiling")
        self._progress.start()

    def step(self, step: int, metrics: dict[str, float], images_per_second: float) -> None:
        self._numbers.step(metrics, images_per_second)
        self._show(step)

    def evaluated(self, step: int, metrics: dict[str, float]) -> None:
        self._numbers.evaluated(metrics)
        self._show(step)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False)

    def finish(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None

    def _show(self, step: int) -> None:
        if self._progress is not None:
            self._progress.update(self._task, completed=step, numbers=str(self._numbers))


class PlainDisplay:
    """Lines for a log: the first numbers, then at most one line every few seconds, and the last numbers."""

    def __init__(self, console: Console, clock: Callable[[], float] = time.monotonic):
        self._console = console
        self._clock = clock
        self._numbers = _Numbers()
        self._title, self._step, self._total = "", 0, 0
        self._started, self._first = 0.0, 0
        self._printed: float | None = None
        self._pending = False

    def start(self, title: str, total_steps: int) -> None:
        self._numbers = _Numbers()
        self._title, self._step, self._total = title, 0, total_steps
        self._printed, self._pending = None, False

    def step(self, step: int, metrics: dict[str, float], images_per_second: float) -> None:
        self._numbers.step(metrics, images_per_second)
        self._advance(step)

    def evaluated(self, step: int, metrics: dict[str, float]) -> None:
        self._numbers.evaluated(metrics)
        self._advance(step)

    def note(self, text: str) -> None:
        self._console.print(text, markup=False, highlight=False, soft_wrap=True)

    def finish(self) -> None:
        if self._pending:
            self._print()

    def _advance(self, step: int) -> None:
        if self._printed is None:
            self._started, self._first = self._clock(), step
        self._step, self._pending = step, True
        if self._printed is None or self._clock() - self._printed >= SECONDS_BETWEEN_LINES:
            self._print()

    def _print(self) -> None:
        self._printed, self._pending = self._clock(), False
        self.note(f"{self._title}  {self._step}/{self._total}  {self._numbers}  {self._left()}")

    def _left(self) -> str:
        """Time left at the pace since the first step that was reported (compilation lies before it)."""
        done = self._step - self._first
        if done <= 0 or self._step >= self._total:
            return ""
        seconds = (self._clock() - self._started) / done * (self._total - self._step)
        return f"{_duration(seconds)} left"


class _Numbers:
    """The latest metrics of training and of evaluation, as text."""

    def __init__(self) -> None:
        self._train: dict[str, float] = {}
        self._eval: dict[str, float] = {}
        self._rate = 0.0

    def step(self, metrics: dict[str, float], images_per_second: float) -> None:
        self._train, self._rate = metrics, images_per_second

    def evaluated(self, metrics: dict[str, float]) -> None:
        self._eval = metrics

    def __str__(self) -> str:
        parts = [f"{name} {value:.4g}" for name, value in self._train.items()]
        parts += [f"held-out {name} {value:.4g}" for name, value in self._eval.items()]
        if self._rate:
            parts.append(f"{self._rate:,.0f} images/s")
        return "  ".join(parts)


def _duration(seconds: float) -> str:
    minutes, seconds = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{seconds:02d}" if hours else f"{minutes}:{seconds:02d}"
