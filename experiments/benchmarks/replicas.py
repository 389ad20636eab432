"""Seeds x learning rates by `ablate`, against one run after another in a process, and against a process for each.

    python -m experiments.benchmarks.replicas [--network NAME] [--seeds 8] [--rates 5] [--steps 300] [--repeats 3]
                                             [--out FOLDER]

Every way starts in a fresh process with an empty compilation cache, writes the same run folders, and is timed from its
start to its end. The ways take turns, so that what disturbs the machine disturbs all of them. Printed are the medians,
and the ratio of each to that of `ablate`; with --out, also into replicas_NETWORK.md there.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from ml_collections import config_dict

from deepvision.config import default_config
from experiments.benchmarks.timing import write

NETWORKS = {"lenet5_modern": None, "cifar_resnet20": {"width": 4}}


def get_config(network: str = "lenet5_modern") -> config_dict.ConfigDict:
    config = default_config()
    config.name = network
    config.model.name = network
    config.model.overrides = NETWORKS[network]
    config.data.image_size = 16
    config.data.batch_size = 64
    return config


def study(arguments: argparse.Namespace) -> config_dict.ConfigDict:
    """Returns the ablation that all ways run."""
    config = get_config(arguments.network)
    config.train.steps = arguments.steps
    config.ablation.axes = {"optimizer.learning_rate": tuple(0.1 * 0.5**i for i in range(arguments.rates))}
    config.ablation.seeds = arguments.seeds
    return config


def by_ablate(config: config_dict.ConfigDict, folder: Path) -> None:
    from deepvision.ablation.run import run_arms
    from deepvision.build import build_replicas
    from deepvision.train.display import Silent

    run_arms(config, folder, build_replicas, Silent())


def one_after_another(config: config_dict.ConfigDict, folder: Path) -> None:
    from deepvision.ablation.arms import make_arms
    from deepvision.build import build
    from deepvision.train.loop import fit

    for arm in make_arms(config):
        for seed in range(config.ablation.seeds):
            fit(build(arm.config, (seed,)), folder / arm.slug / str(seed))


def a_process_each(config: config_dict.ConfigDict, folder: Path) -> None:
    for rate in config.ablation.axes["optimizer.learning_rate"]:
        for seed in range(config.ablation.seeds):
            words = [sys.executable, "-m", "deepvision", "train", "--config", f"{__file__}:{config.model.name}"]
            words += [f"--config.seed={seed}", f"--config.optimizer.learning_rate={rate}"]
            words += [f"--config.train.steps={config.train.steps}", "--workdir", str(folder / f"{rate}_{seed}")]
            subprocess.run(words, check=True, capture_output=True)


WAYS = {"ablate": by_ablate, "one after another": one_after_another, "a process each": a_process_each}


def seconds(way: str, words: list[str]) -> float:
    """Returns how long a way takes in a fresh process."""
    with tempfile.TemporaryDirectory() as folder:
        environment = {**os.environ, "DEEPVISION_CACHE": f"{folder}/cache"}
        command = [sys.executable, "-m", "experiments.benchmarks.replicas", *words, "--way", way, "--runs", folder]
        started = time.perf_counter()
        subprocess.run(command, env=environment, check=True)
        return time.perf_counter() - started


def train(arguments: argparse.Namespace) -> None:
    """Goes one of the ways, in this process."""
    from deepvision.train import start

    start.prepare()
    WAYS[arguments.way](study(arguments), arguments.runs / "runs")


def table(found: dict[str, list[float]], arguments: argparse.Namespace) -> str:
    """Returns the medians and their ratios in Markdown."""
    base, runs = statistics.median(found["ablate"]), arguments.seeds * arguments.rates
    rows = [f"| {runs} runs of {arguments.network}, {arguments.steps} steps | median s | least | most | ratio |"]
    rows.append("|---|---:|---:|---:|---:|")
    for way, times in found.items():
        median = statistics.median(times)
        rows.append(f"| {way} | {median:.1f} | {min(times):.1f} | {max(times):.1f} | {median / base:.2f} |")
    return "\n".join(rows) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", choices=NETWORKS, default="lenet5_modern")
    parser.add_argument("--seeds", type=int, default=8)
    parser.add_argument("--rates", type=int, default=5)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--way", choices=WAYS, help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--runs", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.way:
        train(arguments)
        return
    found: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(arguments.repeats):
        for way in WAYS:
            found[way].append(seconds(way, sys.argv[1:]))
            print(f"{way}: {found[way][-1]:.1f} s", flush=True)
    text = table(found, arguments)
    print(f"\n{text}")
    if arguments.out:
        write(arguments.out / f"replicas_{arguments.network}.md", "replicas", text)


if __name__ == "__main__":
    main()
