"""Which steps are traced."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from deepvision.errors import UserError
from deepvision.train.agenda import Agenda

_MOST = 100_000  # dispatches that are looked through: what has not come by then comes late, or never


def find_span(agenda: Agenda, start: int, steps: int, compiled: set[int]) -> tuple[int, int]:
    """Returns between which steps a run can be traced first, (first, last): at least so many, in whole dispatches.

    Their programs have run before, and no evaluation or checkpoint lies between them or behind the last.

    Args:
        agenda: of the run.
        start: the step it goes on from.
        steps: how many.
        compiled: numbers of steps in a dispatch that have run already.

    Raises:
        UserError: there are none.
    """
    ready, first = set(compiled), None
    for step, count in itertools.islice(_dispatches(agenda, start), _MOST):
        if count not in ready:
            ready.add(count)
            first = None
            continue
        if first is None or _pauses(agenda, step):
            first = step
        last = step + count
        if last - first >= steps and not _pauses(agenda, last):
            return first, last
    raise UserError(
        f"profile = {steps}: after the first dispatch at step {start} there are never so many steps without an"
        f" evaluation or a checkpoint (every {min(agenda.eval_every, agenda.save_every)} steps, and at the last of"
        f" {agenda.total}): ask for fewer steps, or set train.eval_every_epochs, train.checkpoint_every_steps or"
        " train.steps"
    )


def _dispatches(agenda: Agenda, step: int) -> Iterator[tuple[int, int]]:
    """Yields the dispatches from a step to the end: the step each begins at, and how many it makes."""
    while step < agenda.total:
        until = agenda.next_event(step)
        while step < until:
            count = agenda.dispatch(step)
            yield step, count
            step += count


def _pauses(agenda: Agenda, step: int) -> bool:
    return agenda.evaluates(step) or agenda.saves(step)
