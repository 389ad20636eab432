"""A training step beside what users would take instead: plain flax, and PyTorch, each as its documentation says.

    python -m experiments.benchmarks.step [--networks lenet5_modern,cifar_resnet20,...] [--cores 1] [--rounds 9]
                                          [--seconds 2] [--ways deepvision,flax,...] [--out FOLDER]

Every way is a process of its own, bound to the same cores, with nothing set but what it sets itself; they take turns,
round after round, each for about as many steps as --seconds hold. On one core the time is that of the process, with all
its threads; on more, that of the wall. A ratio is the median over the rounds of deepvision's time to another's within
the same round, from the lower to the upper quartile. PyTorch takes part where the extra `torch` is installed: eager,
with channels last, and compiled. `scan` is deepvision with several steps in one dispatch.

The rate is that of the multiply-accumulates of convolutions and matrix products, two operations each, three times for a
step with its gradients; its share is of the largest rate at which jax multiplies two matrices on the same cores.
With --out, into step_CORES.json and .md there.
"""

from __future__ import annotations

import argparse
import contextlib
import functools
import importlib.util
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.peers.workload import WORKLOADS, Workload
from experiments.benchmarks.timing import write

OURS = "deepvision"
SCAN = 4  # steps
PYTORCH = {"torch": {}, "torch channels last": {"channels_last": True}, "torch compiled": {"compiled": True}}
WAYS = (OURS, "scan", "flax", *PYTORCH)
MATRIX = "matrix product"
CPU = {"JAX_PLATFORMS": "cpu"}


def make_run(way: str, network: str) -> Callable[[int], float]:
    """Returns what makes so many steps, in the process of a way, and returns the last loss."""
    if way in PYTORCH:
        from experiments.benchmarks.peers import torch_networks

        return torch_networks.make_run(WORKLOADS[network], **PYTORCH[way])
    if way in (OURS, "scan"):
        from deepvision.train import start

        start.prepare()
        from experiments.benchmarks.peers import ours

        return ours.make_training(WORKLOADS[network], scan_steps=SCAN if way == "scan" else 1).run
    from experiments.benchmarks.peers import flax_networks

    return flax_networks.make_run(WORKLOADS[network]) if way == "flax" else flax_networks.multiply


def serve(run: Callable[[int], float]) -> None:
    """Makes steps as they are asked for on the standard input; answers with seconds of process and wall, and a loss."""
    for line in sys.stdin:
        process, wall = time.process_time(), time.perf_counter()
        loss = run(int(line))
        print(time.process_time() - process, time.perf_counter() - wall, loss, flush=True)


def invocation(benchmark: str, *words: str) -> list[str]:
    """Returns what starts one of the benchmarks."""
    return [sys.executable, "-m", f"experiments.benchmarks.{benchmark}", *words]


class Way:
    """The process of one way, which serves.

    Args:
        command: starts it.
        environment: set on top of that of this process.
        cores: it is bound to these, and has a thread of OpenMP for each; None: to none.
        unit: steps that can be asked for, and their multiples.

    Attributes:
        steps: how many make up a round.
        losses: the last one of every time it ran.
    """

    def __init__(
        self, command: list[str], environment: Mapping[str, str], cores: Sequence[int] | None = None, unit: int = SCAN
    ) -> None:
        threads = {"OMP_NUM_THREADS": str(len(cores))} if cores else {}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **threads, **environment},
            preexec_fn=functools.partial(os.sched_setaffinity, 0, cores) if cores else None,
        )
        self.steps = self._unit = unit
        self.losses: list[float] = []

    def run(self, steps: int) -> tuple[float, float, float]:
        """Returns the seconds of the process and of the wall, and the last loss."""
        with contextlib.suppress(BrokenPipeError):  # that it has ended, the lack of an answer says
            print(steps, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{' '.join(self._process.args)} ended with status {self._process.wait()}")
        process, wall, loss = map(float, answer.split())
        self.losses.append(loss)
        return process, wall, loss

    def prepare(self, seconds: float) -> None:
        """Compiles, and chooses `steps` such that a round takes about so many seconds."""
        self.run(self._unit)
        each = self.run(self._unit)[1] / self._unit
        self.steps = self._unit * max(1, round(seconds / each / self._unit))

    def close(self) -> None:
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.close()
        self._process.wait()


def in_turn(
    running: Mapping[Any, Way],
    rounds: int,
    on_one_core: bool = False,
    lost: Callable[[Any, SystemExit], None] | None = None,
) -> dict[Any, np.ndarray]:
    """Returns the seconds of a step of each process, [rounds]: its own on one core, else those of the wall.

    `lost` takes a process that has ended out of `running`; without it, the benchmark ends with the process.
    """
    times = {name: [] for name in running}
    for _ in range(rounds):
        for name, way in list(running.items()):
            try:
                process, wall, _ = way.run(way.steps)
            except SystemExit as ended:
                if lost is None:
                    raise
                lost(name, ended)
            else:
                times[name].append((process if on_one_core else wall) / way.steps)
    return {name: np.asarray(times[name]) for name in running}


def first_cores(count: int | None = None) -> list[int]:
    """Returns the first so many of the cores that this process may use; None: all of them."""
    return sorted(os.sched_getaffinity(0))[:count]


def measure(network: str, ways: list[str], cores: Sequence[int], rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Returns the seconds of a step by each way, [rounds]."""
    units = {way: SCAN if way == "scan" else 1 for way in ways}
    served = {way: invocation("step", "--serve", way, "--networks", network) for way in ways}
    running = {way: Way(served[way], CPU, cores, units[way]) for way in ways}
    for way in running.values():
        way.prepare(seconds)
    times = in_turn(running, rounds, on_one_core=len(cores) == 1)
    for way in running.values():
        way.close()
    return times


def operations(workload: Workload) -> float:
    """Returns how many operations a step makes in convolutions and matrix products."""
    from deepvision.models import create_model, describe

    model = create_model(workload.network, num_classes=1 if workload.restores else workload.num_classes)
    return 3 * 2 * describe(model, workload.shape).macs * workload.batch_size


def rows(network: str, times: dict[str, np.ndarray], flops: float, peak: float) -> list[dict[str, float | str]]:
    """Returns what is said of each way."""
    ours = times[OURS]
    made = []
    for way, seconds in times.items():
        low, middle, high = np.quantile(ours / seconds, (0.25, 0.5, 0.75))
        median = float(np.median(seconds))
        made.append(
            {
                "network": network,
                "way": way,
                "ms": 1e3 * median,
                "images_per_second": WORKLOADS[network].batch_size / median,
                "share": flops / median / peak,
                "ours_to_this": float(middle),
                "quartiles": [float(low), float(high)],
            }
        )
    return made


def table(made: list[dict]) -> str:
    """Returns the table in Markdown."""
    lines = ["| network, batch | way | ms a step | images/s | share of the peak | time of deepvision to this |"]
    lines.append("|---|---|---:|---:|---:|---:|")
    for row in made:
        name = f"{row['network']}, {WORKLOADS[row['network']].batch_size}"
        low, high = row["quartiles"]
        ratio = "1" if row["way"] == OURS else f"{row['ours_to_this']:.2f} ({low:.2f} to {high:.2f})"
        figures = f"{row['ms']:,.1f} | {row['images_per_second']:,.0f} | {row['share']:.0%} | {ratio}"
        lines.append(f"| {name} | {row['way']} | {figures} |")
    return "\n".join(lines) + "\n"


def study(arguments: argparse.Namespace) -> tuple[str, dict]:
    """Returns the text and the content of the JSON file."""
    cores = first_cores(arguments.cores)
    available = [way for way in arguments.ways if way not in PYTORCH or importlib.util.find_spec("torch")]
    product = measure("", [MATRIX], cores, 5, 1.0)[MATRIX]
    from experiments.benchmarks.peers.flax_networks import MULTIPLY

    peak = 2 * MULTIPLY**3 / float(np.min(product))
    made = []
    for network in arguments.networks:
        times = measure(network, available, cores, arguments.rounds, arguments.seconds)
        made += rows(network, times, operations(WORKLOADS[network]), peak)
        print(table(made[-len(available) :]), flush=True)
    unit = "the process, on one core" if len(cores) == 1 else f"the wall, on {len(cores)} cores"
    note = f"\nSeconds of {unit}; the peak is {peak / 1e9:,.0f} GFLOP/s.\n"
    return table(made) + note, {"cores": len(cores), "peak_flops": peak, "rows": made}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(WORKLOADS))
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(make_run(arguments.serve, arguments.networks[0]))
        return
    text, found = study(arguments)
    print(text)
    if arguments.out:
        write(arguments.out / f"step_{arguments.cores}.md", "step", text)
        (arguments.out / f"step_{arguments.cores}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
