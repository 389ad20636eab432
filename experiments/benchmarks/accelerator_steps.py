"""Training steps on one accelerator: this project's, plain flax's, and PyTorch's, in mixed precision.

    python -m experiments.benchmarks.accelerator_steps [--networks resnet50,...] [--ways deepvision,flax,...]
        [--batch 256] [--dtype bfloat16] [--rounds 9] [--seconds 3] [--peak 790] [--bandwidth 4.3] [--small]
        [--out FOLDER]

First it is checked that the product of attention is the formula's, that the loss in --dtype is that in float32, and, of
every way, that the loss falls on one batch, trained on again and again. Then the times: every way is a process of its
own, its batch on the device; they take turns, round after round, each for about --seconds. deepvision is the loop's
compiled step, as many in a dispatch as the loop makes; `plain attention` is the same without the fused kernel; flax is
the step of flax's ImageNet example; PyTorch, where it is installed, has channels last, `torch.autocast` and
`torch.compile`.

A ratio is that of the medians, beside it the quartiles over the rounds. The floors are the operations of convolutions
and matrix products at --peak TFLOP/s, three times for a step with its gradients, and the bytes that XLA counts in our
compiled step at --bandwidth TB/s. A way that fails is named, and the others go on; the status is 1 if one or a check
failed. With --out, into accelerator_NETWORK.json and .md there. --small is a trial on a CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import importlib.util
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from experiments.benchmarks.peers.workload import GPU_WORKLOADS, WORKLOADS, Workload
from experiments.benchmarks.step import OURS, Way, in_turn, invocation, serve
from experiments.benchmarks.timing import write

PLAIN, FLAX, TORCH = "plain attention", "flax", "torch compiled"
WAYS = (OURS, PLAIN, FLAX, TORCH)
SMALL = ("cifar_resnet20", "vit_tiny_patch4_32")
ASKED = {"resnet50": 4500, "vit_small_patch16_224": 8000, "vit_base_patch16_224": 2500}  # images/s
ASKED_TO_TORCH = {"resnet50": 1.0}  # images/s of deepvision to PyTorch's
SHARED = {"XLA_PYTHON_CLIENT_PREALLOCATE": "false"}  # the processes of all ways share the memory of the device
HEADINGS = (
    "network, batch",
    "way",
    "images/s",
    "ms a step",
    "share of the peak",
    "deepvision to this",
    "floor of operations, ms",
    "floor of bytes, ms",
    "asked",
)


def workload_of(arguments: argparse.Namespace, network: str) -> Workload:
    """Returns what a network works on."""
    workload = (WORKLOADS if arguments.small else GPU_WORKLOADS)[network]
    return dataclasses.replace(workload, batch_size=arguments.batch or (8 if arguments.small else workload.batch_size))


def make_run(arguments: argparse.Namespace, workload: Workload) -> Callable[[int], float]:
    """Returns what makes so many steps, in the process of a way, and returns the last loss."""
    way, dtype, device = arguments.serve, arguments.dtype, arguments.device
    if way == TORCH:
        from experiments.benchmarks.peers import torch_networks

        return torch_networks.make_run(workload, channels_last=True, compiled=True, dtype=dtype, device=device)
    if way == FLAX:
        from experiments.benchmarks.peers import flax_networks

        return flax_networks.make_run(workload, dtype)
    from deepvision.layers import attention_product
    from deepvision.train import start
    from experiments.benchmarks.peers import ours

    start.prepare()
    if way == PLAIN:
        attention_product.gpus_fuse = lambda: False
    return ours.make_training(workload, dtype, arguments.unit).run


def command(arguments: argparse.Namespace, network: str, way: str, known: dict[str, Any]) -> list[str]:
    """Returns what starts the process of a way, or with nothing known yet the one that inspects."""
    words = invocation("accelerator_steps", "--networks", network)
    words += ["--dtype", arguments.dtype, "--batch", str(arguments.batch), *(["--small"] if arguments.small else [])]
    if not known:
        return [*words, "--inspect"]
    device = "cuda" if known["platform"] == "gpu" else "cpu"
    return [*words, "--serve", way, "--unit", str(known["unit"]), "--device", device]


def inspected(arguments: argparse.Namespace, network: str) -> dict[str, Any]:
    """Returns what `accelerator_checks.inspect` does, in a process of its own, which leaves the device afterwards."""
    run = subprocess.run(command(arguments, network, "", {}), stdout=subprocess.PIPE, text=True, check=False)
    if run.returncode:
        raise SystemExit(f"{network}: its inspection ended with status {run.returncode}")
    return json.loads(run.stdout.splitlines()[-1])


def chosen_ways(arguments: argparse.Namespace, known: dict[str, Any]) -> list[str]:
    """Returns the ways that there are: PyTorch where it is installed, plain attention where the other is fused."""
    fused = any("cuDNN" in check["what"] for check in known["checks"])
    missing = {PLAIN} if not fused else set()
    missing |= set() if importlib.util.find_spec("torch") else {TORCH}
    return [way for way in arguments.ways if way not in missing]


def measure(arguments: argparse.Namespace, network: str, known: dict[str, Any]) -> tuple[dict[str, np.ndarray], list]:
    """Returns the seconds of a step by each way, [rounds], and checks of all."""
    running, checks = {}, []

    def lost(way: str, why: SystemExit) -> None:
        checks.append({"what": f"{way} runs: {why}", "holds": False})
        running.pop(way).close()

    for way in chosen_ways(arguments, known):
        running[way] = Way(command(arguments, network, way, known), SHARED, unit=known["unit"])
        try:
            running[way].prepare(arguments.seconds)
        except SystemExit as ended:
            lost(way, ended)
    times = in_turn(running, arguments.rounds, lost=lost)
    for way, process in running.items():
        process.close()
        first, last = process.losses[0], process.losses[-1]
        checks.append({"what": f"the loss of {way} falls, from {first:.4f} to {last:.4f}", "holds": last < first})
    return times, checks


def rows(arguments: argparse.Namespace, workload: Workload, known: dict[str, Any], times: dict) -> list[dict[str, Any]]:
    """Returns what is said of each way."""
    peak, made = 1e12 * arguments.peak, []
    for way, seconds in times.items():
        median = float(np.median(seconds))
        row = {
            "network": workload.network,
            "batch": workload.batch_size,
            "way": way,
            "images_per_second": workload.batch_size / median,
            "ms": 1e3 * median,
            "share": known["operations"] / median / peak,
            "floor_operations_ms": 1e3 * known["operations"] / peak,
            "floor_bytes_ms": 1e3 * known["bytes"] / (1e12 * arguments.bandwidth),
        }
        if OURS in times and way != OURS:
            row["ratio"] = median / float(np.median(times[OURS]))
            row["quartiles"] = np.quantile(seconds / times[OURS], (0.25, 0.75)).tolist()
        made.append(row | {"asked": "" if arguments.small else asked(row)})
    return made


def asked(row: dict[str, Any]) -> str:
    """Returns what is asked of the figures of a row, and whether it is so."""
    network = row["network"]
    if row["way"] == OURS and network in ASKED:
        held = row["images_per_second"] >= ASKED[network]
        return f"{ASKED[network]:,} images/s: {'held' if held else 'missed'}"
    if row["way"] == TORCH and network in ASKED_TO_TORCH and "ratio" in row:
        held = row["ratio"] >= ASKED_TO_TORCH[network]
        return f"{ASKED_TO_TORCH[network]:.1f} of PyTorch: {'held' if held else 'missed'}"
    return ""


def table(made: list[dict[str, Any]]) -> str:
    """Returns the table in Markdown."""
    lines = ["| " + " | ".join(HEADINGS) + " |", "|---|---|" + "---:|" * (len(HEADINGS) - 2)]
    for row in made:
        ratio = "1"
        if "ratio" in row:
            low, high = row["quartiles"]
            ratio = f"{row['ratio']:.2f} ({low:.2f} to {high:.2f})"
        cells = (
            f"{row['network']}, {row['batch']}",
            row["way"],
            f"{row['images_per_second']:,.0f}",
            f"{row['ms']:,.2f}",
            f"{row['share']:.1%}",
            ratio if "ratio" in row or row["way"] == OURS else "",
            f"{row['floor_operations_ms']:,.3f}",
            f"{row['floor_bytes_ms']:,.3f}",
            row["asked"],
        )
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines) + "\n"


def study(arguments: argparse.Namespace, network: str) -> tuple[str, dict[str, Any]]:
    """Returns the text and the content of the JSON file of a network."""
    workload = workload_of(arguments, network)
    known = inspected(arguments, network)
    times, of_ways = measure(arguments, network, known)
    known["checks"] += of_ways
    made = rows(arguments, workload, known, times)
    notes = [f"- {'ok' if check['holds'] else 'FAILED'}: {check['what']}" for check in known["checks"]]
    if TORCH in arguments.ways and not importlib.util.find_spec("torch"):
        notes.append("- PyTorch is not installed, and takes no part")
    where = f"{known['device']}, jax {known['jax']}, {arguments.dtype}; peak {arguments.peak:,.0f} TFLOP/s"
    where += f", {arguments.bandwidth:.1f} TB/s; {known['unit']} steps in a dispatch of deepvision"
    seconds = {way: values.tolist() for way, values in times.items()}
    return f"{table(made)}\n{where}\n\n" + "\n".join(notes) + "\n", known | {"rows": made, "seconds": seconds}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=lambda text: text.split(","))
    parser.add_argument("--ways", type=lambda text: text.split(","), default=list(WAYS))
    parser.add_argument("--batch", type=int, default=0, help="examples of a step; 0: 256, or with --small 8")
    parser.add_argument("--dtype", choices=("bfloat16", "float32"), default="bfloat16")
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--peak", type=float, default=790.0, help="TFLOP/s of the device")
    parser.add_argument("--bandwidth", type=float, default=4.3, help="TB/s of its memory")
    parser.add_argument("--small", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--inspect", action="store_true", help=argparse.SUPPRESS)
    parser.add_argument("--serve", help=argparse.SUPPRESS)
    parser.add_argument("--unit", type=int, default=1, help=argparse.SUPPRESS)
    parser.add_argument("--device", default="cpu", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    networks = arguments.networks or list(SMALL if arguments.small else GPU_WORKLOADS)
    if arguments.serve:
        serve(make_run(arguments, workload_of(arguments, networks[0])))
        return
    if arguments.inspect:
        from deepvision.train import start
        from experiments.benchmarks.accelerator_checks import inspect

        start.prepare()
        print(json.dumps(inspect(workload_of(arguments, networks[0]), arguments.dtype)))
        return
    failed = False
    for network in networks:
        try:
            text, found = study(arguments, network)
        except SystemExit as ended:
            text, found = f"FAILED: {ended}\n", {"checks": [{"what": str(ended), "holds": False}], "rows": []}
        failed |= not all(check["holds"] for check in found["checks"])
        print(f"{text}\n", flush=True)
        if arguments.out:
            write(arguments.out / f"accelerator_{network}.md", "accelerator_steps", text)
            (arguments.out / f"accelerator_{network}.json").write_text(json.dumps(found, indent=1) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
