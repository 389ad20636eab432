"""Several processes as one run, for tests; each is `python -m tests.train.processes SCENARIO FOLDER N I ADDRESS`."""

from __future__ import annotations

import itertools
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import jax
import pytest
from ml_collections import ConfigDict

from deepvision.errors import UserError
from deepvision.train import compile_cache, distributed, interruption, rendezvous
from deepvision.train.watchdog import Watchdog
from tests.train import topologies
from tests.train.faults import run, small_run


def train_all(folder: Path) -> None:
    """Every run that is compared over topologies."""
    for name, config in topologies.configs().items():
        run(config, folder / name, seeds=(0,))


def share(folder: Path) -> None:
    """A state cut over the processes."""
    run(small_run(parallel__mode="fsdp"), folder)


def trace(folder: Path) -> None:
    """A run of which three steps are traced."""
    run(small_run(profile=3), folder)


def stopped_run() -> ConfigDict:
    """Long enough to be stopped twice on the way."""
    return small_run(train__steps=40, model__dropout=0.0)


def disturbed_run() -> ConfigDict:
    """With a checkpoint every 20 steps, and every step reported; what hangs is noticed after half a minute."""
    when = {"train__checkpoint_every_steps": 20, "train__eval_every_epochs": 4.0, "train__log_every_steps": 1}
    return small_run(train__steps=120, train__watchdog_seconds=30.0, **when)


def stop_one(folder: Path) -> None:
    """The last process is asked to stop after a few steps."""
    with interruption.listening():
        slowly(stopped_run(), folder, lambda: os.kill(os.getpid(), signal.SIGTERM))


def fail_in_one(folder: Path) -> None:
    """The last process cannot go on."""

    def fail() -> None:
        raise UserError("its disk is full")

    slowly(stopped_run(), folder, fail)


def kill_one(folder: Path) -> None:
    """The last process is gone."""
    slowly(stopped_run(), folder, lambda: os.kill(os.getpid(), signal.SIGKILL))


def train_disturbed(folder: Path) -> None:
    """Nothing happens but from outside."""
    with interruption.listening():
        slowly(disturbed_run(), folder)


def slowly(config: ConfigDict, folder: Path, act: Callable[[], None] = lambda: None) -> None:
    """Trains at a pace at which there is time to tell the others; the last process acts after 7 steps of its own."""
    plain, steps = Watchdog.beat, itertools.count(1)
    last = distributed.count() - 1

    def beat(self: Watchdog, what: str) -> None:
        plain(self, what)
        time.sleep(0.05)
        if what.startswith("step ") and next(steps) == 7 and jax.process_index() == last:
            act()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Watchdog, "beat", beat)
        run(config, folder, seeds=(0,))


SCENARIOS = {
    function.__name__: function
    for function in (train_all, share, trace, stop_one, fail_in_one, kill_one, train_disturbed)
}


def begin(scenario: str, folder: Path, processes: int, devices: int) -> list[subprocess.Popen]:
    """Starts a scenario in so many processes with so many devices each."""
    with socket.create_server(("localhost", 0)) as server:
        address = f"localhost:{server.getsockname()[1]}"
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={devices}"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    commands = [
        [sys.executable, "-m", "tests.train.processes", scenario, str(folder), str(processes), str(process), address]
        for process in range(processes)
    ]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return [subprocess.Popen(command, env=environment, **pipes) for command in commands]


def end(started: Sequence[subprocess.Popen]) -> list[subprocess.CompletedProcess]:
    """Waits for processes, and returns how they ended."""
    ended = [(process, *process.communicate(timeout=300)) for process in started]
    return [subprocess.CompletedProcess(p.args, p.returncode, out, err) for p, out, err in ended]


def start(scenario: str, folder: Path, processes: int, devices: int) -> list[subprocess.CompletedProcess]:
    """Runs a scenario to its end."""
    return end(begin(scenario, folder, processes, devices))


def main(scenario: str, folder: str, processes: str, process: str, address: str) -> int:
    """What a process does; errors end it as they end a command."""
    from deepvision.cli.app import answered

    def body() -> int:
        rendezvous.join(rendezvous.Place(address, int(processes), int(process)), "none", 60)
        compile_cache.enable()
        SCENARIOS[scenario](Path(folder))
        distributed.close()
        return 0

    return answered(body)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
