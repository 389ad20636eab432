"""The CIFAR-10 speed run: checked, then run again and again, each from its first step to its last prediction.

    python -m experiments.benchmarks.speedrun --data FILE.npz [--variant full|muon|small] [--runs 50] [--peak 790]
                                              [--steps N] [--out FOLDER]

Checked are the whitening on the training images, the identity of the first filters, the orthogonality of Muon's
updates, and that one seed twice gives the same bits; the script ends where one of them fails. All runs share one
compiled program, made by a run that is not counted; each has another seed. Then one fresh process trains by the command
line with the compilation cache warm, from its start to its end.

Printed are accuracy and time per run, and the floor: the operations of all convolutions and dense layers at --peak
TFLOP/s. With --out, all of it goes into speedrun_VARIANT.json and .md there. --steps makes a run short, to try the
script.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import jax
import numpy as np
import optax
from ml_collections import config_dict
from scipy import stats

from deepvision.build import build
from deepvision.cli import config_file
from deepvision.layers.initializers import dirac
from deepvision.layers.whitening import Whitening, whitening_kernel
from deepvision.train import start
from deepvision.train.experiment import Experiment
from deepvision.train.loop import fit
from deepvision.train.programs import Programs
from experiments.benchmarks.timing import write

FILE = Path(__file__).parents[1] / "cifar10_speedrun.py"
SECONDS = "seconds_first_step_to_last_prediction"


def fields(arguments: argparse.Namespace) -> dict[str, Any]:
    """Returns what is changed of the experiment's config."""
    steps = {"train.steps": arguments.steps} if arguments.steps else {}
    return {"data.name": "npz", "data.path": str(arguments.data), **steps}


def get_config(arguments: argparse.Namespace) -> config_dict.ConfigDict:
    config = config_file.load(f"{FILE}:{arguments.variant}")
    config.update_from_flattened_dict(fields(arguments))
    return config


def check(experiment: Experiment, programs: Programs) -> None:
    """Ends the script unless everything that the runs are made of does what it is for."""
    checks = {
        "whitened patches are uncorrelated": _whitens(experiment),
        "dirac is the identity": _is_identity(),
        "Muon's update is nearly orthogonal": _orthogonalizes(),
        "one seed twice ends in the same bits": _repeats(experiment, programs),
    }
    for what, holds in checks.items():
        print(f"{'ok' if holds else 'FAILED'}: {what}", flush=True)
    if not all(checks.values()):
        sys.exit(1)


def _whitens(experiment: Experiment) -> bool:
    images = experiment.train.sample(experiment.model.sample)
    kernel = whitening_kernel(images, epsilon=0.0)
    variables = {"params": {"bias": np.zeros(kernel.shape[-1], np.float32)}, "constants": {"kernel": kernel}}
    y = np.asarray(Whitening().apply(variables, images)).reshape(-1, kernel.shape[-1])[:, : kernel.shape[-1] // 2]
    moments = y.T @ y / len(y)
    fitted = experiment.pretrained["constants", "whiten", "kernel"]
    return bool(np.allclose(moments, np.eye(len(moments)), atol=0.02) and np.allclose(fitted, whitening_kernel(images)))


def _is_identity() -> bool:
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 4))
    kernel = dirac()(jax.random.key(1), (3, 3, 4, 6))
    y = jax.lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=("NHWC", "HWIO", "NHWC"))
    return bool(np.allclose(y[..., :4], x, atol=1e-6))


def _orthogonalizes() -> bool:
    gradient = {"kernel": jax.random.normal(jax.random.key(0), (96, 32))}
    muon = optax.contrib.scale_by_muon(ns_steps=5)
    update, _ = muon.update(gradient, muon.init(gradient))
    values = np.linalg.svd(update["kernel"], compute_uv=False)
    return bool(values.min() > 0.6 and values.max() < 1.3)


def _repeats(experiment: Experiment, programs: Programs) -> bool:
    first, second = (run(experiment, programs, seed=0)["last"] for _ in range(2))
    return first == second


def run(experiment: Experiment, programs: Programs, seed: int) -> dict[str, Any]:
    """Returns the result.json of a run."""
    with tempfile.TemporaryDirectory() as folder:
        return fit(dataclasses.replace(experiment, seeds=(seed,)), Path(folder), programs=programs)


def fresh_process(arguments: argparse.Namespace) -> float:
    """Returns how long the command takes in a process of its own, compiled before."""
    with tempfile.TemporaryDirectory() as folder:
        words = [sys.executable, "-m", "deepvision", "train", "--config", f"{FILE}:{arguments.variant}"]
        words += [f"--config.{field}={value}" for field, value in fields(arguments).items()]
        seconds = []
        for number in range(2):  # the first one fills the cache
            started = time.perf_counter()
            subprocess.run([*words, "--workdir", f"{folder}/{number}"], check=True, capture_output=True)
            seconds.append(time.perf_counter() - started)
    return seconds[-1]


def summary(results: list[dict[str, Any]], experiment: Experiment, peak: float) -> dict[str, float]:
    """Returns what the runs say together; seconds of one run each."""
    accuracies = [100 * result["last"][0]["accuracy"] for result in results]
    seconds = [result[SECONDS] for result in results]
    deviation = statistics.stdev(accuracies) if len(results) > 1 else 0.0
    half = stats.t.ppf(0.975, max(len(results) - 1, 1)) * deviation / len(results) ** 0.5
    images = 3 * experiment.total_steps * experiment.train.batch_size + experiment.evaluation.num_examples
    return {
        "runs": len(results),
        "accuracy_mean": statistics.mean(accuracies),
        "accuracy_deviation": deviation,
        "accuracy_half_interval": float(half),
        "seconds_median": statistics.median(seconds),
        "seconds_least": min(seconds),
        "seconds_most": max(seconds),
        "seconds_floor": 2 * experiment.macs * images / (peak * 1e12),
    }


def markdown(found: dict[str, Any]) -> str:
    figures = found["summary"]
    rows = {
        "runs": f"{figures['runs']}",
        "accuracy (%)": f"{figures['accuracy_mean']:.2f} ± {figures['accuracy_half_interval']:.2f}"
        f" (deviation {figures['accuracy_deviation']:.2f})",
        "first step to last prediction (s)": f"{figures['seconds_median']:.3f}"
        f" ({figures['seconds_least']:.3f} to {figures['seconds_most']:.3f})",
        "floor of its operations (s)": f"{figures['seconds_floor']:.3f}",
        "compilation, once (s)": f"{found['seconds_to_compile']:.1f}",
        "a fresh process with a warm cache (s)": f"{found['seconds_of_a_process']:.1f}",
    }
    lines = [f"| {found['variant']} on {found['device']} | |", "|---|---:|"]
    return "\n".join(lines + [f"| {name} | {value} |" for name, value in rows.items()]) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="CIFAR-10 as .npz, x_train, y_train, x_test, y_test")
    parser.add_argument("--variant", choices=("full", "muon", "small"), default="full")
    parser.add_argument("--runs", type=int, default=50)
    parser.add_argument("--peak", type=float, default=790.0, help="TFLOP/s of the device")
    parser.add_argument("--steps", type=int, default=0)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    start.prepare()
    experiment = build(get_config(arguments))
    programs = Programs(experiment, 1, together=True, why="one after another")
    compiled = run(experiment, programs, seed=0)["seconds_to_compile"]
    check(experiment, programs)
    results = []
    for seed in range(1, arguments.runs + 1):
        results.append(run(experiment, programs, seed))
        accuracy = results[-1]["last"][0]["accuracy"]
        print(f"seed {seed}: {100 * accuracy:.2f} %, {results[-1][SECONDS]:.3f} s", flush=True)
    found = {
        "variant": arguments.variant,
        "device": jax.devices()[0].device_kind,
        "summary": summary(results, experiment, arguments.peak),
        "seconds_to_compile": compiled,
        "seconds_of_a_process": fresh_process(arguments),
        "results": results,
    }
    text = markdown(found)
    print(f"\n{text}")
    if arguments.out:
        write(arguments.out / f"speedrun_{arguments.variant}.md", "speedrun", text)
        (arguments.out / f"speedrun_{arguments.variant}.json").write_text(json.dumps(found, indent=1) + "\n")


if __name__ == "__main__":
    main()
