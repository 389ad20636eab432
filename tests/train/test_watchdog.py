"""A run in which nothing moves is ended, with the stacks of its threads."""

from __future__ import annotations

import subprocess
import sys
import time

HANGS = """
import time
from deepvision.train.watchdog import Watchdog
watchdog = Watchdog({seconds})
for step in range(3):
    time.sleep(0.2)
    watchdog.beat(f"step {{step}}")
{close}
def waits_for_ever():
    time.sleep(2)
waits_for_ever()
"""


def hang(seconds: float, close: str = "") -> subprocess.CompletedProcess:
    code = HANGS.format(seconds=seconds, close=close)
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)


def test_a_hanging_run_is_ended_with_a_stack_dump():
    started = time.monotonic()
    done = hang(0.5)
    assert done.returncode == 75
    assert time.monotonic() - started < 2.5, "it did not wait"
    assert done.stderr.startswith("error: nothing has moved for 0.5 s (train.watchdog_seconds) since step 2.")
    assert "waits_for_ever" in done.stderr


def test_without_a_limit_and_after_its_end_nothing_is_watched():
    assert hang(0).returncode == 0
    assert hang(0.5, "watchdog.close()").returncode == 0
