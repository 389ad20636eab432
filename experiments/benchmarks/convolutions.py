"""The ways to compute a convolution and its gradients on a CPU, shape by shape: what deepvision takes, and the others.

    python -m experiments.benchmarks.convolutions [--rounds 7] [--out FOLDER]

On one core, in milliseconds of the process. `oneDNN` is what the extra `onednn` brings; `Eigen` is what XLA computes
with the options that deepvision sets without it, `YNNPACK` what it computes by itself; `patches` are copied out of the
images and multiplied with the kernel as one matrix. Each way is a process of its own; they take turns, case by case and
round by round. The last column is the median over the rounds of oneDNN's time to that of the fastest other way.
With --out, into convolutions.md there.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from experiments.benchmarks.timing import write

WAYS = ("oneDNN", "Eigen", "YNNPACK", "patches")
PASSES = ("forward", "images' gradient", "kernel's gradient")
SHAPES = {  # images, kernel, stride, padding, groups
    "ResNet-20, first": ((128, 32, 32, 3), (3, 3, 3, 16), 1, 1, 1),
    "ResNet-20, stage 1": ((128, 32, 32, 16), (3, 3, 16, 16), 1, 1, 1),
    "ResNet-20, stage 2, stride": ((128, 32, 32, 16), (3, 3, 16, 32), 2, 1, 1),
    "ResNet-20, stage 3": ((128, 8, 8, 64), (3, 3, 64, 64), 1, 1, 1),
    "LeNet-5, second": ((256, 14, 14, 6), (5, 5, 6, 16), 1, 0, 1),
    "DnCNN": ((8, 50, 50, 64), (3, 3, 64, 64), 1, 1, 1),
    "ResNet-50, first": ((8, 224, 224, 3), (7, 7, 3, 64), 2, 3, 1),
    "ResNet-50, 1x1": ((8, 56, 56, 64), (1, 1, 64, 256), 1, 0, 1),
    "ResNet-50, stage 3": ((8, 14, 14, 256), (3, 3, 256, 256), 1, 1, 1),
    "ResNeXt-50, 32 groups": ((8, 28, 28, 256), (3, 3, 8, 256), 1, 1, 32),
    "MobileNet, every channel": ((8, 28, 28, 128), (3, 3, 1, 128), 1, 1, 128),
    "patches of ViT-Ti/4": ((128, 32, 32, 3), (4, 4, 3, 192), 4, 0, 1),
}
CASES = [(shape, which) for shape in SHAPES for which in range(len(PASSES))]


def by_patches(x, kernel, stride, padding, groups):
    """Returns the convolution as one product of matrices; of groups, as many."""
    import jax.numpy as jnp
    from jax import lax

    height, width, depth, features = kernel.shape
    pads = [(padding, padding)] * 2
    numbers = ("NHWC", "HWIO", "NHWC")
    parts = lax.conv_general_dilated_patches(x, (height, width), (stride, stride), pads, dimension_numbers=numbers)
    parts = parts.reshape(*parts.shape[:3], groups, depth * height * width)
    kernel = jnp.moveaxis(kernel, 2, 0).reshape(depth * height * width, groups, features // groups)
    return jnp.einsum("nhwgk,kgf->nhwgf", parts, kernel).reshape(*parts.shape[:3], features)


def make_case(way: str, shape: str, which: int) -> Callable[[], None]:
    """Returns a function that computes a case once; compiled."""
    import jax
    import jax.numpy as jnp

    from deepvision.layers.conv import convolve

    images, kernel_shape, stride, padding, groups = SHAPES[shape]
    draw = np.random.default_rng(0)
    x, kernel = (jnp.asarray(draw.normal(size=size), jnp.float32) for size in (images, kernel_shape))

    def convolution(x, kernel):
        if way == "patches":
            return by_patches(x, kernel, stride, padding, groups)
        return convolve(x, kernel, (stride, stride), (padding, padding), groups=groups)

    cotangent = jnp.ones(jax.eval_shape(convolution, x, kernel).shape)
    passes = (
        convolution,
        lambda x, kernel: jax.vjp(lambda x: convolution(x, kernel), x)[1](cotangent),
        lambda x, kernel: jax.vjp(lambda kernel: convolution(x, kernel), kernel)[1](cotangent),
    )
    run = jax.jit(passes[which])
    jax.block_until_ready(run(x, kernel))
    return lambda: jax.block_until_ready(run(x, kernel))


def serve(way: str) -> None:
    """Computes the cases whose numbers come on the standard input; answers with seconds of this process."""
    from deepvision.train import cpu_compiler, start

    if way == "oneDNN":
        start.prepare()
    elif way == "Eigen":
        cpu_compiler.set_options()
    made: dict[int, Callable[[], None]] = {}
    for line in sys.stdin:
        case = int(line)
        made[case] = made.get(case) or make_case(way, *CASES[case])
        started, times = time.process_time(), 0
        while times < 3 or time.process_time() - started < 0.05:
            made[case]()
            times += 1
        print((time.process_time() - started) / times, flush=True)


def measure(rounds: int) -> np.ndarray:
    """Returns the seconds of each case by each way in each round, [case, way, round]."""
    core = min(os.sched_getaffinity(0))
    command = [sys.executable, "-m", "experiments.benchmarks.convolutions", "--serve"]
    environment = os.environ | {"JAX_PLATFORMS": "cpu"}
    running = [
        subprocess.Popen(
            [*command, way],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=environment,
            preexec_fn=lambda: os.sched_setaffinity(0, [core]),
        )
        for way in WAYS
    ]
    seconds = np.empty((len(CASES), len(WAYS), rounds))
    for case, turn, number in np.ndindex(len(CASES), rounds, len(WAYS)):
        print(case, file=running[number].stdin, flush=True)
        seconds[case, number, turn] = float(running[number].stdout.readline())
    for process in running:
        process.stdin.close()
        process.wait()
    return seconds


def table(seconds: np.ndarray) -> str:
    """Returns the table in Markdown."""
    lines = [f"| convolution | | {' | '.join(WAYS)} | oneDNN to the best other |"]
    lines.append("|---|---|" + "---:|" * (len(WAYS) + 1))
    for (shape, which), times in zip(CASES, seconds, strict=True):
        medians = " | ".join(f"{1e3 * value:.2f}" for value in np.median(times, axis=1))
        ratio = np.median(times[0] / times[1:].min(axis=0))
        lines.append(f"| {shape if which == 0 else ''} | {PASSES[which]} | {medians} | {ratio:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--serve", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.serve:
        serve(arguments.serve)
        return
    text = table(measure(arguments.rounds))
    print(text)
    if arguments.out:
        write(arguments.out / "convolutions.md", "convolutions", text)


if __name__ == "__main__":
    main()
