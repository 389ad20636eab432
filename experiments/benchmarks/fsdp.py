"""A training step in mode fsdp beside one in mode pmap, on eight devices made of a CPU: ResNet-50 on small images.

    python -m experiments.benchmarks.fsdp [--network resnet50] [--size 32] [--batch 32] [--rounds 15] [--out FOLDER]

The modes take turns, round after round; the ratio is the median over the rounds. All devices share the same cores: what
every device computes anew is paid for eight times, and what they send costs a copy. With --out, into fsdp.md there.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
from ml_collections import config_dict

from deepvision.build import build
from deepvision.config import default_config
from deepvision.train import start
from deepvision.train.evaluate import initial
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.programs import Programs
from experiments.benchmarks.timing import measure, table, write

DEVICES = 8


def study(arguments: argparse.Namespace, mode: str) -> config_dict.ConfigDict:
    config = default_config()
    config.model.name = arguments.network
    config.data.image_size, config.data.channels = arguments.size, 3
    config.data.batch_size = arguments.batch
    config.data.eval_batch_size = 8 * DEVICES
    config.parallel.mode = mode
    return config


def stepping(config: config_dict.ConfigDict) -> tuple[Callable[[], Any], float]:
    """Returns a function that makes a step, and the MiB of the state on a device."""
    experiment = build(config)
    programs = Programs(experiment, 1, together=True, why="")
    feeds = replica_feeds(experiment, 0)
    state = programs.devices.place(initial(experiment, programs.initialize).state)
    held = sum(leaf.addressable_shards[0].data.nbytes for leaf in jax.tree.leaves(state)) / 2**20

    def step() -> Any:
        nonlocal state
        state, metrics = programs.train(state, programs.resident, dispatch(feeds, 1, programs.devices))
        return state, metrics

    return step, held


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="resnet50")
    parser.add_argument("--size", type=int, default=32)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    flags = os.environ.get("XLA_FLAGS", "")
    os.environ["XLA_FLAGS"] = f"{flags} --xla_force_host_platform_device_count={DEVICES}"
    start.prepare()
    steps, held = {}, {}
    for mode in ("pmap", "fsdp"):
        steps[mode], held[mode] = stepping(study(arguments, mode))
    text = table(measure(steps, arguments.rounds))
    shares = ", ".join(f"{mode} {mib:,.1f} MiB" for mode, mib in held.items())
    text += f"\n{arguments.network}, {arguments.batch} images {arguments.size}x{arguments.size} on {DEVICES} devices;"
    text += f" state on each: {shares}.\n"
    print(text)
    if arguments.out:
        write(arguments.out / "fsdp.md", "fsdp", text)


if __name__ == "__main__":
    main()
