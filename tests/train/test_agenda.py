"""How many updates go into a dispatch."""

from __future__ import annotations

import pytest

from deepvision.build import build
from deepvision.train import parallel
from deepvision.train.agenda import Agenda
from tests.train.small import small_config


def agenda(most: int, monkeypatch: pytest.MonkeyPatch, **changes) -> Agenda:
    """The agenda of an accelerator, which takes up to so many updates in a dispatch."""
    monkeypatch.setattr(parallel, "most_scan_steps", lambda: most)
    return Agenda(build(small_config(train__eval_every_epochs=1e6, **changes)))


def sizes(agenda: Agenda) -> list[int]:
    found, step = [], 0
    while step < agenda.total:
        found.append(agenda.dispatch(step))
        step += found[-1]
        assert step <= agenda.total
    return found


@pytest.mark.parametrize(
    ("most", "steps", "log", "expected"),
    [
        (1, 30, 10, [1] * 30),
        (50, 60, 20, [20] * 3),
        (50, 388, 1000, [43] * 9 + [1]),
        (50, 7, 20, [7]),
        (50, 100, 30, [10] * 10),
    ],
)
def test_the_fewest_dispatches_by_two_programs(most, steps, log, expected, monkeypatch):
    assert sizes(agenda(most, monkeypatch, train__steps=steps, train__log_every_steps=log)) == expected


def test_what_the_user_asks_for_is_done(monkeypatch):
    found = sizes(agenda(50, monkeypatch, train__steps=11, train__log_every_steps=100, train__scan_steps=3))
    assert found == [3, 3, 3, 1, 1]
