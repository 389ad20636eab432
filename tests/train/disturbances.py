"""What may happen to two processes that train as one: each fault makes it happen, and knows how they may end."""

from __future__ import annotations

import contextlib
import dataclasses
import os
import random
import resource
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

DISK_BYTES = 64 * 2**20  # a dozen checkpoints, of which the damaged ones stay
LOST = {75, -6}  # what a process ends with when the other one is gone: found by us, or by jax


@dataclasses.dataclass
class Two:
    """Two processes that train, and the folder in which they do.

    Attributes:
        processes: the first one writes.
        workdir: of the run.
        moment: what is random of a fault.
        limited: whether the folder lies on a small disk.
    """

    processes: Sequence[subprocess.Popen]
    workdir: Path
    moment: random.Random
    limited: bool


Fault = Callable[[Two], None]


def kill(two: Two) -> None:
    """SIGKILL to one of them."""
    two.moment.choice(two.processes).kill()


def terminate(two: Two) -> None:
    """SIGTERM to one of them."""
    two.moment.choice(two.processes).terminate()


def freeze(two: Two) -> None:
    """SIGSTOP to one of them, and SIGCONT when the other one has given it up."""
    frozen, other = two.moment.sample(list(two.processes), 2)
    frozen.send_signal(signal.SIGSTOP)
    other.wait(timeout=200)
    frozen.send_signal(signal.SIGCONT)


def fill_the_disk(two: Two) -> None:
    """No byte more can be written: the disk is full, or, where none could be made, a limit says so."""
    if not two.limited:
        resource.prlimit(two.processes[0].pid, resource.RLIMIT_FSIZE, (3000, 3000))
        return
    ballast = two.workdir.with_name("ballast")
    with contextlib.suppress(OSError), ballast.open("wb", buffering=0) as file:
        while file.write(bytes(4096)):
            pass
    for process in two.processes:
        process.wait(timeout=200)
    ballast.unlink()


def flip_a_bit(two: Two) -> None:
    """Both are killed, and a bit of the newest checkpoint is changed."""
    for process in two.processes:
        process.kill()
    for process in two.processes:
        process.wait()
    checkpoints = [path for path in (two.workdir / "checkpoints").glob("[0-9]*") if path.name.isdigit()]
    if not checkpoints:
        return
    newest = max(checkpoints, key=lambda path: int(path.name))
    files = [file for file in (newest / "arrays").rglob("*") if file.is_file() and file.stat().st_size]
    file = two.moment.choice(files)
    data = bytearray(file.read_bytes())
    data[two.moment.randrange(len(data))] ^= 1 << two.moment.randrange(8)
    file.write_bytes(data)


# The fault, the statuses that the two may end with, and how many whole checkpoints it may cost.
FAULTS: dict[Fault, tuple[set[int], int]] = {
    kill: ({-9, *LOST}, 0),
    flip_a_bit: ({-9}, 1),
    terminate: ({75}, 0),
    fill_the_disk: ({2}, 0),
    freeze: (LOST, 0),
}


@contextlib.contextmanager
def small_disk(folder: Path) -> Iterator[bool]:
    """Makes `folder` a disk of DISK_BYTES where this is allowed; tells whether it is."""
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={DISK_BYTES}", "tmpfs", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], check=True)
