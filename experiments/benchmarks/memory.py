"""The memory of a training step, by network and batch, with and without remat, beside plain flax and PyTorch.

    python -m experiments.benchmarks.memory [--networks lenet5_modern,...] [--batches 0.25,1] [--ways deepvision,...]
                                            [--out FOLDER]

A batch is a multiple of the network's own. Every way is a process of its own. On a CPU its peak is what the most
resident memory that it ever had grows by in three steps, everything imported, read and initialized before; the program
is compiled in a process before that one, and read from jax's cache, since a compiler has a peak of its own. What
initialization has let go of is used again and not seen: of a small network little is left, or nothing. On an
accelerator it is the device's own peak. The program's figures are XLA's, of the compiled step: arguments (the state and
the data), what it makes that takes no argument's place, and all in between; PyTorch has no such program, and takes part
on a CPU where the extra `torch` is installed. With --out, into memory.json and memory.md there.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import os
import resource
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from experiments.benchmarks.peers.workload import WORKLOADS, Workload
from experiments.benchmarks.timing import write

OURS, REMAT, FLAX, TORCH = "deepvision", "deepvision, remat", "flax", "torch"
WAYS = (OURS, REMAT, FLAX, TORCH)
STEPS = 3
CACHE, AT_LEAST = "JAX_COMPILATION_CACHE_DIR", "JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS"


def workload_of(network: str, multiple: float) -> Workload:
    """Returns the network with a multiple of its batch."""
    whole = WORKLOADS[network]
    return dataclasses.replace(whole, batch_size=max(1, round(multiple * whole.batch_size)))


def prepare(way: str, workload: Workload) -> tuple[Callable[[int], Any], Callable[[], Any] | None]:
    """Returns what makes so many steps, and what compiles the program of one."""
    if way == TORCH:
        from experiments.benchmarks.peers import torch_networks

        return torch_networks.make_run(workload), None
    if way == FLAX:
        import jax

        from experiments.benchmarks.peers import flax_networks

        step, state = flax_networks.make_step(workload)
        return flax_networks.running(workload, step, state), step.lower(*state, jax.random.key(0)).compile
    from deepvision.train import start

    start.prepare()
    keep_all()
    from experiments.benchmarks.peers import ours

    training = ours.make_training(workload, remat=way == REMAT)
    return training.run, training.compiled


def keep_all() -> None:
    """Has jax keep all that it compiles where `in_process` says, which `start.prepare` has set otherwise."""
    import jax

    jax.config.update("jax_compilation_cache_dir", os.environ[CACHE])
    jax.config.update("jax_persistent_cache_min_compile_time_secs", float(os.environ[AT_LEAST]))


def measure(way: str, workload: Workload) -> dict[str, float]:
    """Returns the figures of a way in its process, in MiB."""
    run, compiled = prepare(way, workload)
    before = resident_peak()
    run(STEPS)
    figures = {"peak": resident_peak() - before, "before": before}
    if compiled is not None:
        figures |= peak_on_device()
        analysis = compiled().memory_analysis()
        figures["arguments"] = analysis.argument_size_in_bytes / 2**20
        figures["made"] = (analysis.output_size_in_bytes - analysis.alias_size_in_bytes) / 2**20
        figures["between"] = analysis.temp_size_in_bytes / 2**20
    return figures


def resident_peak() -> float:
    """Returns the most memory that this process had, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)


def peak_on_device() -> dict[str, float]:
    """Returns the peak of the first device, where it is not the CPU: that takes the place of the process's."""
    import jax

    device = jax.devices()[0]
    return {} if device.platform == "cpu" else {"peak": device.memory_stats()["peak_bytes_in_use"] / 2**20}


def in_process(way: str, network: str, multiple: float, cache: Path) -> dict[str, float]:
    """Returns the figures of a way from a process of its own, with what it compiles kept in `cache`."""
    words = [sys.executable, "-m", "experiments.benchmarks.memory", "--one", way]
    words += ["--networks", network, "--batches", str(multiple)]
    environment = {**os.environ, CACHE: str(cache), AT_LEAST: "0"}
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{network}, {way}: {run.stderr.splitlines()[-1]}")
    return json.loads(run.stdout.splitlines()[-1])


def available(ways: Sequence[str]) -> list[str]:
    """Returns the ways that take part here."""
    on_cpu = os.environ.get("JAX_PLATFORMS") == "cpu" or not importlib.util.find_spec("jax_plugins")
    return [way for way in ways if way != TORCH or (on_cpu and importlib.util.find_spec("torch"))]


def rows(network: str, multiple: float, ways: Sequence[str]) -> list[dict[str, Any]]:
    """Returns the figures of every way, for one network and batch."""
    made = []
    for way in ways:
        with tempfile.TemporaryDirectory() as cache:
            if way != TORCH:
                in_process(way, network, multiple, Path(cache))  # compiles
            figures = in_process(way, network, multiple, Path(cache))
        batch = workload_of(network, multiple).batch_size
        made.append({"network": network, "batch": batch, "way": way, **{k: round(v, 2) for k, v in figures.items()}})
    return made


def table(made: Sequence[dict[str, Any]]) -> str:
    """Returns the table in Markdown."""
    lines = ["| network, batch | way | peak MiB | to deepvision's | arguments MiB | made MiB | in between MiB |"]
    lines.append("|---|---|---:|---:|---:|---:|---:|")
    ours = {(row["network"], row["batch"]): row["peak"] for row in made if row["way"] == OURS}
    for row in made:
        base = ours.get((row["network"], row["batch"]))
        ratio = f"{row['peak'] / base:.2f}" if base else ""
        figures = [f"{row[name]:,.1f}" if name in row else "" for name in ("arguments", "made", "between")]
        name = f"{row['network']}, {row['batch']}"
        lines.append(f"| {name} | {row['way']} | {row['peak']:,.1f} | {ratio} | {' | '.join(figures)} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(WORKLOADS))
    parser.add_argument("--batches", type=lambda text: [float(part) for part in text.split(",")], default=[0.25, 1.0])
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--one", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(measure(arguments.one, workload_of(arguments.networks[0], arguments.batches[0]))))
        return
    made = []
    for network in arguments.networks:
        for multiple in arguments.batches:
            made += rows(network, multiple, available(arguments.ways))
            print(table(made), flush=True)
    if arguments.out:
        write(arguments.out / "memory.md", "memory", table(made))
        (arguments.out / "memory.json").write_text(json.dumps({"steps": STEPS, "rows": made}, indent=1) + "\n")


if __name__ == "__main__":
    main()
