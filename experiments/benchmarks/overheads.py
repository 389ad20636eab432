"""What the loop costs beside the compiled step, and what a checkpoint every 100 steps costs beside that.

    python -m experiments.benchmarks.overheads [--network cifar_resnet20] [--size 16] [--batch 64] [--rounds 8]
                                               [--out FOLDER]

One run. Its loop reads, steps, reports metrics and progress, and looks after signals and the watchdog; at every 200th
step it saves, and the next 100 steps go on while that is written. Every 100 steps of the loop stand between two times
100 calls of the compiled step on a batch prepared before; a ratio is the median of those to the mean of their two
neighbours. Printed last is what the watchdog and the look at signals take of a step, measured on their own. With --out,
into overheads.md there.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import jax
import numpy as np
from ml_collections import config_dict

from deepvision.build import build
from deepvision.config import default_config
from deepvision.train import interruption, start
from deepvision.train.boundary import Boundary
from deepvision.train.display import Silent
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.loop import fit
from deepvision.train.programs import Programs
from deepvision.train.watchdog import Watchdog
from experiments.benchmarks.timing import write

STEPS = 100  # between two reports


def study(arguments: argparse.Namespace) -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = arguments.network
    config.data.image_size, config.data.batch_size = arguments.size, arguments.batch
    config.train.steps = STEPS * (2 * arguments.rounds + 2)
    config.train.log_every_steps, config.train.checkpoint_every_steps = STEPS, 2 * STEPS
    config.train.eval_every_epochs = 1e6
    return config


class Turns(Silent):
    """A display that times what lies between two reports, and after each what it is compared with.

    Attributes:
        loop: seconds from a report to the next.
        bare: seconds that `run` takes after each report; one more.
    """

    def __init__(self, run: Callable[[], None]) -> None:
        self._run, self._since = run, None
        self.loop: list[float] = []
        self.bare: list[float] = []

    def step(self, step: int, metrics: dict[str, float], images_per_second: float) -> None:
        now = time.perf_counter()
        if self._since is not None:
            self.loop.append(now - self._since)
        self._run()
        self._since = time.perf_counter()
        self.bare.append(self._since - now)


def bare(experiment: Experiment, programs: Programs) -> Callable[[], None]:
    """Returns a function that calls the compiled step on one batch."""
    feed = dispatch(replica_feeds(experiment, 0), 1, programs.devices)
    state = programs.devices.place(initial(experiment, programs.initialize).state)

    def run() -> None:
        nonlocal state
        for _ in range(STEPS):
            state, metrics = programs.train(state, programs.resident, feed)
        jax.block_until_ready((state, metrics))

    return run


def seconds_of_looking(times: int = 100_000) -> float:
    """Returns how long a step's call of the watchdog and its look at signals take."""
    watchdog, boundary = Watchdog(1800.0), Boundary()
    started = time.perf_counter()
    for step in range(times):
        boundary.stops()
        watchdog.beat(f"step {step}")
    seconds = (time.perf_counter() - started) / times
    watchdog.close()
    boundary.close()
    return seconds


def report(turns: Turns, looking: float) -> str:
    """Returns the table in Markdown."""
    loop, bare = np.asarray(turns.loop), np.asarray(turns.bare)
    ratios = loop / ((bare[:-1] + bare[1:]) / 2)
    saves = np.arange(len(loop)) % 2 == 1  # the first begins at step 100, the second at 200, where it is saved
    rows = ["| 100 steps of | median s | relative to the compiled step |", "|---|---:|---:|"]
    rows.append(f"| the compiled step | {np.median(bare):.3f} | 1.000 |")
    for name, which in (("the loop", ~saves), ("the loop, a checkpoint being written", saves)):
        rows.append(f"| {name} | {np.median(loop[which]):.3f} | {np.median(ratios[which]):.3f} |")
    step = np.median(bare) / STEPS
    share = f"{1e6 * looking:.1f} us of a step of {1e3 * step:.1f} ms, {looking / step:.4%}"
    checkpoint = np.median(ratios[saves]) / np.median(ratios[~saves]) - 1
    rows.append(f"\nThe checkpoint adds {checkpoint:.1%}. Watchdog and signals take {share}.")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cifar_resnet20")
    parser.add_argument("--size", type=int, default=16)
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rounds", type=int, default=8)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    start.prepare()
    experiment = build(study(arguments))
    programs = Programs(experiment, 1, together=True, why="")
    turns = Turns(bare(experiment, programs))
    with tempfile.TemporaryDirectory() as folder, interruption.listening():
        fit(experiment, Path(folder), turns, programs)
    text = report(turns, seconds_of_looking())
    print(text)
    if arguments.out:
        write(arguments.out / "overheads.md", "overheads", text)


if __name__ == "__main__":
    main()
