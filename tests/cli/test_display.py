"""Progress, on a terminal and in a log."""

from __future__ import annotations

import io

from rich.console import Console

from deepvision.cli.display import LiveDisplay, PlainDisplay, make_display


class Clock:
    """Stands still until told."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def _plain() -> tuple[PlainDisplay, Clock, Console]:
    console, clock = Console(file=io.StringIO(), width=60), Clock()
    return PlainDisplay(console, clock), clock, console


def test_a_terminal_gets_a_bar_and_a_log_gets_lines():
    assert isinstance(make_display(Console(file=io.StringIO(), force_terminal=True)), LiveDisplay)
    assert isinstance(make_display(Console(file=io.StringIO(), force_terminal=False)), PlainDisplay)


def test_lines_hold_the_latest_numbers_and_the_time_left():
    display, clock, console = _plain()
    display.start("study", 100)
    display.step(10, {"loss": 2.5, "accuracy": 0.125}, 1234.5)
    clock.now += 20
    display.evaluated(30, {"accuracy": 0.5})
    lines = console.file.getvalue().splitlines()
    assert lines[0].split("  ")[:5] == ["study", "10/100", "loss 2.5", "accuracy 0.125", "1,234 images/s"]
    assert "held-out accuracy 0.5" in lines[1]
    assert lines[1].endswith("1:10 left")  # 20 steps took 20 s, 70 are left


def test_a_log_is_not_flooded_and_ends_with_the_last_numbers():
    display, clock, console = _plain()
    display.start("study", 200)
    for step in range(1, 201):
        clock.now += 0.0625
        display.step(step, {"loss": 1.0 / step}, 10.0)
    display.finish()
    lines = console.file.getvalue().splitlines()
    assert [line.split("  ")[1] for line in lines] == ["1/200", "81/200", "161/200", "200/200"]
    display.finish()
    assert len(console.file.getvalue().splitlines()) == 4


def test_names_with_brackets_are_shown_as_they_are():
    display, _, console = _plain()
    display.note("arm [1/5]: norm=group(groups=[8])")
    assert "arm [1/5]: norm=group(groups=[8])" in console.file.getvalue()


def test_the_bar_shows_steps_and_numbers_and_goes_away():
    console = Console(file=io.StringIO(), force_terminal=True, width=150)
    display = LiveDisplay(console)
    display.start("study", 100)
    display.step(50, {"loss": 0.25}, 4321.0)
    display.note("a note")
    display.finish()
    display.finish()
    text = console.file.getvalue()
    for part in ("study", "50/100", "loss 0.25", "4,321 images/s", "a note"):
        assert part in text
