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


def make_run(way: str, network: str) -> Callable[[int], None]:
    """Returns what makes so many steps, in the process of a way."""
    if way in PYTORCH:
        from experiments.benchmarks.peers import torch_networks

        return torch_networks.make_run(WORKLOADS[network], **PYTORCH[way])
    if way in (OURS, "scan"):
        from deepvision.train import cpu_compiler

        cpu_compiler.set_options()
        from experiments.benchmarks.peers import ours

        return ours.make_run(WORKLOADS[network], scan_steps=SCAN if way == "scan" else 1)
    from experiments.benchmarks.peers import flax_networks

    return flax_networks.make_run(WORKLOADS[network]) if way == "flax" else flax_networks.multiply


def serve(way: str, network: str) -> None:
    """Makes steps as they are asked for on the standard input, and answers with seconds of the process and the wall."""
    serve_run(make_run(way, network))


def serve_run(run: Callable[[int], Any]) -> None:
    """As `serve`, with any function that makes so many steps."""
    for line in sys.stdin:
        process, wall = time.process_time(), time.perf_counter()
        run(int(line))
        print(time.process_time() - process, time.perf_counter() - wall, flush=True)


class Way:
    """The process of one way, which serves.

    Args:
        words: after `python -m experiments.benchmarks.`
        cores: it is bound to these.
        variables: of its environment, beside ours.

    Attributes:
        steps: how many make up a round.
    """

    def __init__(self, words: Sequence[str], cores: Sequence[int], variables: Mapping[str, str] = CPU) -> None:
        module, *rest = words
        command = [sys.executable, "-m", f"experiments.benchmarks.{module}", *rest]
        environment = {**os.environ, "OMP_NUM_THREADS": str(len(cores)), **variables}
        self._process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, cores),
        )
        self.steps = SCAN

    def run(self, steps: int) -> tuple[float, float]:
        """Returns the seconds of the process and of the wall."""
        print(steps, file=self._process.stdin, flush=True)
        process, wall = map(float, self.answer().split())
        return process, wall

    def answer(self) -> str:
        """Returns the next line that the process writes."""
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{' '.join(self._process.args)} ended with status {self._process.wait()}")
        return answer

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait()


def measure(network: str, ways: list[str], cores: Sequence[int], rounds: int, seconds: float) -> dict[str, np.ndarray]:
    """Returns the seconds of a step by each way, [rounds]."""
    running = {way: Way(("step", "--serve", way, "--networks", network), cores) for way in ways}
    times = in_turn(running, rounds, seconds, on_one_core=len(cores) == 1)
    for way in running.values():
        way.close()
    return times


def first_cores(count: int | None = None) -> list[int]:
    """Returns the first so many of the cores that this process may use; None: all of them."""
    return sorted(os.sched_getaffinity(0))[:count]


def in_turn(running: Mapping[Any, Way], rounds: int, seconds: float, on_one_core: bool) -> dict[Any, np.ndarray]:
    """Returns the seconds of a step of each process, [rounds]: its own on one core, else those of the wall."""
    for way in running.values():
        way.run(SCAN)  # compiles
        each = way.run(SCAN)[1] / SCAN
        way.steps = SCAN * max(1, round(seconds / each / SCAN))
    times = {name: np.empty(rounds) for name in running}
    for turn in range(rounds):
        for name, way in running.items():
            times[name][turn] = way.run(way.steps)[0 if on_one_core else 1] / way.steps
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
        serve(arguments.serve, arguments.networks[0])
        return
    text, found = study(arguments)
    print(text)
    if arguments.out:
        write(arguments.out / f"step_{arguments.cores}.md", "step", text)
        (arguments.out / f"step_{arguments.cores}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
