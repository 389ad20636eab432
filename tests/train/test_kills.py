"""Two processes, disturbed at random moments and started again, end in the same bits as two left alone.

DEEPVISION_TEST_KILLS is the number of faults: 5 are each of them once. They come one after the other to a run, and when
it is done, to the next one.
"""

from __future__ import annotations

import json
import os
import random
import time
from pathlib import Path

from deepvision.train.checkpoint import read_newest
from tests.train.disturbances import FAULTS, Fault, Two, small_disk
from tests.train.faults import assert_same_end
from tests.train.processes import begin, disturbed_run, end, start
from tests.train.records import record

KILLS = int(os.environ.get("DEEPVISION_TEST_KILLS", "1"))
INTERVAL = disturbed_run().train.checkpoint_every_steps
# What may be lost: the steps since the newest whole checkpoint, of which one may be in writing and another be damaged.
MOST = {"terminate": 0, "flip_a_bit": 3 * INTERVAL}


def saved(workdir: Path) -> int:
    """Returns the step of the newest whole checkpoint; 0: there is none."""
    found = read_newest(workdir / "checkpoints")
    return found.step if found else 0


class Reported:
    """The steps that a run reports from now on: when it starts, it writes metrics.jsonl anew."""

    def __init__(self, workdir: Path) -> None:
        self._file = workdir / "metrics.jsonl"
        self._before = self._file.stat().st_ino if self._file.exists() else None

    def last(self) -> int:
        """Returns the last one; 0: there is none yet."""
        if not self._file.exists() or self._file.stat().st_ino == self._before:
            return 0
        lines = [line for line in self._file.read_text().splitlines(keepends=True) if line.endswith("\n")]
        return json.loads(lines[-1])["step"] if lines else 0


def disturbed(workdir: Path, fault: Fault, moment: random.Random, limited: bool) -> tuple[int, int] | None:
    """Trains until a fault; returns the step it came at and that of the checkpoint left. None: the run is done."""
    before, reported = saved(workdir), Reported(workdir)
    goal = before + moment.randint(1, 3 * INTERVAL)
    processes, deadline = begin("train_disturbed", workdir, 2, 1), time.monotonic() + 200
    if goal > disturbed_run().train.steps - 10:  # it might be done when the fault comes
        assert [process.returncode for process in end(processes)] == [0, 0]
        return None
    while time.monotonic() < deadline and processes[0].poll() is None and reported.last() < goal:
        time.sleep(0.01)
    before, at = saved(workdir), reported.last()
    fault(Two(processes, workdir, moment, limited))
    ended, (statuses, may_cost) = end(processes), FAULTS[fault]
    said = "\n".join(process.stderr for process in ended)
    assert {process.returncode for process in ended} <= statuses, f"{fault.__name__} at step {at}: {said}"
    assert saved(workdir) >= before - may_cost * INTERVAL
    return reported.last() if fault.__name__ == "terminate" else at, saved(workdir)


def test_disturbed_and_resumed_is_bit_equal(tmp_path: Path):
    left_alone, moment = tmp_path / "alone", random.Random(KILLS)
    assert [process.returncode for process in start("train_disturbed", left_alone, 2, 1)] == [0, 0]
    faults, rows, number = list(FAULTS), [], 0
    while len(rows) < KILLS:
        with small_disk(tmp_path / str(number)) as limited:
            workdir, happened = tmp_path / str(number) / "run", (0, 0)
            while len(rows) < KILLS and happened:
                fault = faults[len(rows) % len(faults)]
                if happened := disturbed(workdir, fault, moment, limited):
                    rows.append((len(rows) + 1, number, fault.__name__, *happened, happened[0] - happened[1]))
            if happened:
                assert [process.returncode for process in start("train_disturbed", workdir, 2, 1)] == [0, 0]
            assert_same_end(workdir, left_alone)
        number += 1
        record("kills", ("fault", "run", "kind", "at step", "goes on from", "lost steps"), rows)
    for _, _, kind, _, _, lost in rows:
        assert lost <= MOST.get(kind, 2 * INTERVAL), kind
