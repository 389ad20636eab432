"""Two processes, disturbed at random moments and started again, end in the same bits as two left alone."""

from __future__ import annotations

import os
import random
import resource
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

from deepvision.train.checkpoint import read_newest
from tests.train.faults import assert_same_end
from tests.train.processes import begin, end, start

KILLS = int(os.environ.get("DEEPVISION_TEST_KILLS", "1"))  # 5 are all faults once
Processes = list[subprocess.Popen]


def kill(processes: Processes, workdir: Path, moment: random.Random) -> None:
    moment.choice(processes).kill()


def flip_a_byte(processes: Processes, workdir: Path, moment: random.Random) -> None:
    for process in processes:
        process.kill()
    for process in processes:
        process.wait()
    newest = max(
        (path for path in (workdir / "checkpoints").iterdir() if path.name.isdigit()), key=lambda p: int(p.name)
    )
    file = max((f for f in newest.rglob("*") if f.is_file()), key=lambda file: file.stat().st_size)
    data = bytearray(file.read_bytes())
    data[moment.randrange(len(data))] ^= 1 << moment.randrange(8)
    file.write_bytes(data)


def terminate(processes: Processes, workdir: Path, moment: random.Random) -> None:
    moment.choice(processes).terminate()


def fill_the_disk(processes: Processes, workdir: Path, moment: random.Random) -> None:
    resource.prlimit(processes[0].pid, resource.RLIMIT_FSIZE, (3000, 3000))


def freeze(processes: Processes, workdir: Path, moment: random.Random) -> None:
    frozen, other = moment.sample(processes, 2)
    frozen.send_signal(signal.SIGSTOP)
    other.wait(timeout=200)
    frozen.kill()


# What happens, the statuses that the two may end with, and how many checkpoints it may cost.
FAULTS: dict[Callable, tuple[set[int], int]] = {
    kill: ({-9, 75, -6}, 0),
    flip_a_byte: ({-9}, 1),
    terminate: ({75}, 0),
    fill_the_disk: ({2, -6}, 0),
    freeze: ({-9, 75, -6}, 0),
}


def wait_for_work(processes: Processes, workdir: Path, moment: random.Random) -> None:
    """Returns a random while after the first new checkpoint, or at the end."""
    before, deadline = set((workdir / "checkpoints").glob("[0-9]*")), time.monotonic() + 200
    while time.monotonic() < deadline and processes[0].poll() is None:
        if set((workdir / "checkpoints").glob("[0-9]*")) - before:
            break
        time.sleep(0.01)
    time.sleep(moment.uniform(0, 0.5))


def test_disturbed_and_resumed_is_bit_equal(tmp_path: Path):
    left_alone, disturbed = tmp_path / "alone", tmp_path / "disturbed"
    assert [process.returncode for process in start("train_slowly", left_alone, 2, 1)] == [0, 0]
    moment = random.Random(KILLS)
    for number in range(KILLS):
        fault = list(FAULTS)[number % len(FAULTS)]
        processes = begin("train_slowly", disturbed, 2, 1)
        wait_for_work(processes, disturbed, moment)
        if processes[0].poll() is not None:
            end(processes)
            break  # it is done: no more can happen to it
        step = read_newest(disturbed / "checkpoints").step
        fault(processes, disturbed, moment)
        ended, (statuses, lost) = end(processes), FAULTS[fault]
        assert {process.returncode for process in ended} <= statuses, (fault, [process.stderr for process in ended])
        assert read_newest(disturbed / "checkpoints").step >= step - 20 * lost
    assert [process.returncode for process in start("train_slowly", disturbed, 2, 1)] == [0, 0]
    assert_same_end(disturbed, left_alone)
