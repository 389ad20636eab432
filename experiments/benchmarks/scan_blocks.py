"""What `model.scan_blocks` costs and saves: a train step (gradients and SGD) with loops of equal blocks, and without.

    python -m experiments.benchmarks.scan_blocks [name ...] [--convolutions] [--out FOLDER]

Compiled and run on this machine's device, every case in a process of its own, nothing read from a cache. Times of a CPU
are CPU seconds, which no other process makes longer; a step's is the median of three, behind a first. On a CPU, blocks
with convolutions are written out; with --convolutions they are loops there too, which shows why.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from pathlib import Path
from typing import Any, NamedTuple


class Case(NamedTuple):
    """A network, what is changed in it, the side of its images, and the images of a batch."""

    model: str
    overrides: dict[str, Any]
    side: int
    batch: int


CASES = {
    "vit_small_patch16_224": Case("vit_small_patch16_224", {}, 224, 2),
    "vit_large_patch16_224, 64x64": Case("vit_large_patch16_224", {}, 64, 2),
    "vit_tiny_patch16_224 of 36 blocks, 64x64": Case("vit_tiny_patch16_224", {"depth": 36}, 64, 2),
    "mixer_s16_224": Case("mixer_s16_224", {}, 224, 2),
    "swin_s, 64x64": Case("swin_s", {}, 64, 2),
    "resnet152, 64x64": Case("resnet152", {}, 64, 2),
    "cifar_resnet110": Case("cifar_resnet110", {}, 32, 8),
}
HEADINGS = ("network", "equal blocks", "trace s", "looped", "compile s", "looped", "step s", "looped")


def measure(case: Case, scan_blocks: bool, convolutions: bool) -> dict[str, Any]:
    """Returns the seconds of tracing, compilation and a step."""
    import jax
    import jax.numpy as jnp
    import optax

    import deepvision as dv
    from deepvision.layers import chain
    from deepvision.tasks import Classification
    from deepvision.train import start
    from deepvision.train.state import init_state
    from deepvision.train.step import make_train_step

    start.prepare()
    if convolutions:
        chain.convolutions_may_loop = lambda: True
    clock = time.process_time if jax.default_backend() == "cpu" else time.perf_counter
    model = dv.create_model(case.model, overrides=case.overrides, scan_blocks=scan_blocks, drop_path=0.0)
    optimizer = optax.sgd(0.1, momentum=0.9)
    images = jnp.zeros((case.batch, case.side, case.side, 3))
    batch = {"image": images, "label": jnp.zeros(case.batch, jnp.int32), "weight": jnp.ones(case.batch)}
    key, shapes = jax.random.key(0), jax.eval_shape(lambda x: init_state(0, model, optimizer, x, False, {}), images)
    step = jax.jit(make_train_step(model, Classification(), optimizer), donate_argnums=0)
    seconds = [clock()]
    lowered = step.lower(shapes, batch, key)
    seconds.append(clock())
    compiled = lowered.compile()
    seconds.append(clock())
    state, steps = jax.tree.map(lambda leaf: jnp.full(leaf.shape, 0.01, leaf.dtype), shapes), []
    for _ in range(4):
        began = clock()
        state, metrics = jax.block_until_ready(compiled(state, batch, key))
        steps.append(clock() - began)
    runs = dv.describe(model, images.shape[1:]).runs
    return {
        "trace": seconds[1] - seconds[0],
        "compile": seconds[2] - seconds[1],
        "step": statistics.median(steps[1:]),
        "looped": sum(run.blocks for run in runs if run.loop),
        "written out": sum(run.blocks for run in runs if not run.loop),
    }


def in_process(name: str, scan_blocks: bool, convolutions: bool) -> dict[str, Any]:
    """Returns the figures of one case from a process of its own."""
    environment = {**os.environ, "JAX_ENABLE_COMPILATION_CACHE": "false"}
    words = [sys.executable, "-m", "experiments.benchmarks.scan_blocks", name, "--one", str(int(scan_blocks))]
    words += ["--convolutions"] if convolutions else []
    run = subprocess.run(words, env=environment, capture_output=True, text=True, check=False)
    if run.returncode:
        sys.exit(f"{name}: {run.stderr.splitlines()[-1]}")
    return json.loads(run.stdout.splitlines()[-1])


def row(name: str, convolutions: bool) -> str:
    """Returns a line of the table."""
    plain, looped = (in_process(name, scan_blocks, convolutions) for scan_blocks in (False, True))
    blocks = f"{looped['looped']} looped" + (f", {looped['written out']} written out" if looped["written out"] else "")
    times = [f"{figures[what]:.2f}" for what in ("trace", "compile", "step") for figures in (plain, looped)]
    return "| " + " | ".join((name, blocks, *times)) + " |\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=list(CASES))
    parser.add_argument("--convolutions", action="store_true")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--one", type=int)
    arguments = parser.parse_args()
    if arguments.one is not None:
        print(json.dumps(measure(CASES[arguments.names[0]], bool(arguments.one), arguments.convolutions)))
        return
    rows = ["| " + " | ".join(HEADINGS) + " |\n", "| --- | --- |" + " ---: |" * (len(HEADINGS) - 2) + "\n"]
    for name in arguments.names:
        rows.append(row(name, arguments.convolutions))
        print(rows[-1], end="", flush=True)
    if arguments.out:
        write(arguments.out, arguments.convolutions, "".join(rows))


def write(folder: Path, convolutions: bool, table: str) -> None:
    import jax

    words = "python -m experiments.benchmarks.scan_blocks" + (" --convolutions" if convolutions else "")
    where = f"{os.cpu_count()} CPU cores, jax {jax.__version__}, {time.strftime('%Y-%m-%d')}"
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / ("scan_blocks_convolutions.md" if convolutions else "scan_blocks.md")
    file.write_text(f"`{words} --out FOLDER`, {where}\n\n{table}")


if __name__ == "__main__":
    main()
