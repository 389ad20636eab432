"""Throughput of training over 1, 2, 4 and 8 devices, and whether the curve is that of one device.

    python -m experiments.benchmarks.scaling [--network cifar_resnet20] [--batch 64] [--devices 1,2,4,8] [--mode pmap]
                                             [--steps 10] [--cores 2] [--rounds 5] [--seconds 2] [--real] [--out FOLDER]

Strong scaling has one batch, cut over the devices; weak scaling has one batch for each device. Every point is a process
of its own; they take turns, round after round, and a speed-up is the median over the rounds of the images per second
to those of one device. The devices are made of the CPU, whose cores they share: there, 1 is what is to be expected, and
what is missing is the price of cutting and joining. With --real they are the accelerators. The curve is the loss of
the first --steps steps; that of one device with the same batch must be equal to 1e-4, relative to the loss, or the
command ends with an error. With --out, into scaling_MODE.json and scaling_MODE.md there.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np

from experiments.benchmarks.peers.workload import WORKLOADS
from experiments.benchmarks.step import CPU, Way, first_cores, in_turn, invocation, serve
from experiments.benchmarks.timing import write

TOLERANCE = 1e-4
STRONG, WEAK = "strong", "weak"


@dataclasses.dataclass(frozen=True)
class Point:
    """So many devices, and the examples of a step over all of them."""

    devices: int
    batch: int


def points(devices: Sequence[int], batch: int) -> dict[tuple[str, int], Point]:
    """Returns the points of both kinds of scaling; what both have in common is one."""
    return {(STRONG, n): Point(n, batch) for n in devices} | {(WEAK, n): Point(n, n * batch) for n in devices}


def references(wanted: Sequence[Point]) -> list[Point]:
    """Returns the points of one device that the others are compared with."""
    return sorted({Point(1, point.batch) for point in wanted}, key=lambda point: point.batch)


def make_run(network: str, point: Point, mode: str) -> Callable[[int], float]:
    """Returns what makes so many steps, in the process of a point, and returns the last loss."""
    from deepvision.train import start

    start.prepare()
    from experiments.benchmarks.peers import ours

    workload = dataclasses.replace(WORKLOADS[network], batch_size=point.batch)
    return ours.make_training(workload, devices=point.devices, mode=mode).run


def way_of(point: Point, arguments: argparse.Namespace) -> Way:
    """Returns the process of a point."""
    words = ["--serve", "--network", arguments.network, "--mode", arguments.mode]
    words += ["--devices", str(point.devices), "--batch", str(point.batch)]
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count={point.devices}"
    environment = {} if arguments.real else CPU | {"XLA_FLAGS": flags}
    return Way(invocation("scaling", *words), environment, first_cores(arguments.cores))


def curve(way: Way, steps: int) -> list[float]:
    """Returns the losses of the next steps."""
    return [way.run(1)[2] for _ in range(steps)]


def measure(arguments: argparse.Namespace) -> list[dict]:
    """Returns a row for every kind of scaling and number of devices."""
    wanted = points(arguments.devices, arguments.batch)
    curves = {}
    for point in references(list(wanted.values())):  # one at a time: they hold the largest batches
        way = way_of(point, arguments)
        curves[point.batch] = curve(way, arguments.steps)
        way.close()
    timed = dict.fromkeys([Point(1, arguments.batch), *wanted.values()])
    running = {point: way_of(point, arguments) for point in timed}
    found = {point: curve(way, arguments.steps) for point, way in running.items()}
    for way in running.values():
        way.prepare(arguments.seconds)
    seconds = in_turn(running, arguments.rounds)
    for way in running.values():
        way.close()
    alone = arguments.batch / seconds[Point(1, arguments.batch)]
    return [
        {
            "scaling": kind,
            "devices": point.devices,
            "batch": point.batch,
            "images_per_second": float(np.median(point.batch / seconds[point])),
            "speed_up": float(np.median(point.batch / seconds[point] / alone)),
            "difference": difference(found[point], curves[point.batch]),
        }
        for (kind, _), point in wanted.items()
    ]


def difference(curve: Sequence[float], reference: Sequence[float]) -> float:
    """Returns the largest difference of two curves, relative to the second."""
    return float(np.max(np.abs(np.asarray(curve) - reference) / np.abs(reference)))


def table(rows: Sequence[dict]) -> str:
    """Returns the table in Markdown."""
    lines = ["| scaling | devices | batch | images/s | to one device | curve differs by | equal to 1e-4 |"]
    lines.append("|---|---:|---:|---:|---:|---:|---|")
    for row in rows:
        speed = f"{row['images_per_second']:,.0f} | {row['speed_up']:.2f}"
        equal = "yes" if row["difference"] <= TOLERANCE else "NO"
        lines.append(
            f"| {row['scaling']} | {row['devices']} | {row['batch']} | {speed} | {row['difference']:.1e} | {equal} |"
        )
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="cifar_resnet20", choices=list(WORKLOADS))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--devices", type=lambda text: [int(part) for part in text.split(",")], default=[1, 2, 4, 8])
    parser.add_argument("--mode", default="pmap")
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--cores", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--real", action="store_true")
    parser.add_argument("--serve", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        point = Point(arguments.devices[0], arguments.batch)
        serve(make_run(arguments.network, point, arguments.mode))
        return
    rows = measure(arguments)
    where = "accelerators" if arguments.real else f"devices made of {len(first_cores(arguments.cores))} CPU cores"
    text = (
        table(rows) + f"\n{arguments.network}, mode {arguments.mode}, on {where}; {arguments.steps} steps of curve.\n"
    )
    print(text)
    if arguments.out:
        name = f"scaling_{arguments.mode}"
        write(arguments.out / f"{name}.md", "scaling", text)
        found = {"network": arguments.network, "mode": arguments.mode, "where": where, "rows": rows}
        (arguments.out / f"{name}.json").write_text(json.dumps(found, indent=1) + "\n")
    if any(row["difference"] > TOLERANCE for row in rows):
        sys.exit("a curve is not that of one device")


if __name__ == "__main__":
    main()
