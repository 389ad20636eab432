"""The tracer: watches where the loop is, and writes a trace of a few of its steps."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax

from deepvision.errors import UserError
from deepvision.train import distributed
from deepvision.train.agenda import Agenda
from deepvision.train.profile.programs import read_programs
from deepvision.train.profile.span import find_span
from deepvision.train.profile.summary import OPERATIONS, Summary, summarize
from deepvision.train.profile.trace import STEP, read_trace

FOLDER = "profile"  # in the run folder
_PERFETTO = "perfetto_trace.json.gz"


class Profile:
    """Traces some steps of a run, once; of several processes, the first one does.

    Args:
        steps: how many; 0: none.
        run: the run folder.
        agenda: of the run.
        note: tells whoever watches.

    Raises:
        UserError: there are never so many steps that can be traced.
    """

    def __init__(self, steps: int, run: Path, agenda: Agenda, note: Callable[[str], None]) -> None:
        self._steps, self._folder, self._agenda, self._note = steps, run / FOLDER, agenda, note
        self._span: tuple[int, int] | None = None
        self._compiled: set[int] = set()  # numbers of steps in a dispatch that have run
        self._step = 0
        self._dispatch = contextlib.ExitStack()  # holds the annotation of the one under way
        self._tracing = False
        self.plan(0)

    def plan(self, step: int) -> None:
        """Takes notice that the run goes on from `step`, and finds what to trace; a trace under way is dropped.

        Raises:
            UserError: there are not so many steps.
        """
        self.close()
        if self._steps and distributed.is_first() and not self._done():
            self._span = find_span(self._agenda, step, self._steps, self._compiled)
        self._step = step

    def at(self, step: int, state: Any) -> float:
        """Takes notice that a dispatch is about to begin at `step`; returns the seconds that tracing has taken up.

        Args:
            step: the loop's.
            state: that the steps before it give, so that none of them is still under way where the trace begins and
                ends.
        """
        if self._span is None:
            return 0.0
        started, (first, last) = time.perf_counter(), self._span
        self._compiled |= {step - self._step} - {0}
        self._step = step
        if step in (first, last):
            jax.block_until_ready(state)
        self._dispatch.close()
        if step == first:
            self._start()
        elif step == last:
            self._finish(first, last)
        if self._tracing:
            self._dispatch.enter_context(jax.profiler.StepTraceAnnotation(STEP, step_num=step))
        return time.perf_counter() - started if step in (first, last) else 0.0

    def close(self) -> None:
        """Drops a trace that is under way."""
        self._dispatch.close()
        self._span = None
        if self._tracing:
            with contextlib.suppress(UserError):  # it is not wanted any more
                self._stop()
            shutil.rmtree(self._folder, ignore_errors=True)

    def _done(self) -> bool:
        """Whether the run has been traced before, for as many steps."""
        return (self._folder / OPERATIONS).is_file() and Summary.read(self._folder).asked == self._steps

    def _start(self) -> None:
        shutil.rmtree(self._folder, ignore_errors=True)
        options = jax.profiler.ProfileOptions()
        options.python_tracer_level = 0  # tracing every call of Python would keep devices waiting
        jax.profiler.start_trace(self._folder, create_perfetto_trace=True, profiler_options=options)
        self._tracing = True

    def _stop(self) -> None:
        self._tracing = False
        try:
            jax.profiler.stop_trace()
        except (OSError, RuntimeError) as error:
            raise self._unwritable(error) from error

    def _finish(self, first: int, last: int) -> None:
        """Writes the trace, and what it says."""
        self._stop()
        (file,) = self._folder.rglob("*.xplane.pb")
        trace = read_trace(file)
        asked, self._span, self._steps = self._steps, None, 0
        if not trace.devices:
            self._note(f"profile: the trace in {self._folder} holds no operations of a device")
            return
        summary = summarize(trace, read_programs(file), asked, first, last - first)
        try:
            for perfetto in self._folder.rglob(_PERFETTO):
                perfetto.replace(self._folder / _PERFETTO)
            summary.write(self._folder)
        except OSError as error:
            raise self._unwritable(error) from error
        self._note(
            f"traced steps {first + 1:,} to {last:,}: {summary.ms:,.3f} ms per step, the device idle for"
            f" {100 * summary.idle:.2f} % of it; see {self._folder}"
        )

    def _unwritable(self, error: Exception) -> UserError:
        return UserError(f"cannot write the trace to {self._folder}: {str(error).splitlines()[0]}")
