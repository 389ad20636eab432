"""How long a user waits: for an import, for help, and for the first training step, with an empty cache and a warm one.

    python -m experiments.benchmarks.startup [--networks lenet5_modern,cifar_resnet20,...] [--cores 2] [--rounds 5]
                                             [--out FOLDER]

Everything is a process of its own, timed by the wall from its start to its end, or to its first step: imports, data,
initial values, compilation and the step. What is compared takes turns, round after round; the ratio to another is the
median over the rounds. `warm` finds what an earlier process has compiled, `cold` finds nothing, and has the C++ between
XLA and oneDNN to compile too, where that is installed; flax is a script of flax's own examples, with nothing set, which
keeps nothing. The main job is that of `./launch.sh`, up to the line that reports its first step. The seconds of the
process are those of all its threads. With --out, into startup.json and startup.md there.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.benchmarks.step import CPU, OURS, first_cores, make_run
from experiments.benchmarks.timing import write

COLD, WARM, FLAX = f"{OURS}, cold", f"{OURS}, warm", "flax"
JOB = "the main job"
IMPORTS = {
    "import deepvision": ["-c", "import deepvision"],
    "python -m deepvision --help": ["-m", "deepvision", "--help"],
    "import jax, flax.linen, optax": ["-c", "import jax, flax.linen, optax"],
}
NETWORKS = ("lenet5_modern", "cifar_resnet20", "vit_tiny_patch4_32")
_MAIN_JOB = [
    "-m",
    "deepvision",
    "ablate",
    "--config",
    "experiments/digits_norms.py",
    "--config.train.log_every_steps=1",
]
_FIRST_REPORT = "  1/"  # step 1 of so many


def seconds_of(words: Sequence[str], cache: Path, cores: Sequence[int], until: str = "") -> tuple[float, float]:
    """Returns the seconds of the wall and of the process that `python WORDS` takes.

    Args:
        words: after `python`.
        cache: of compiled programs.
        cores: it is bound to these.
        until: up to the first line with this; the process is ended there. "": to its end.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(len(cores)), **CPU, "DEEPVISION_CACHE": str(cache)}
    used, started = _children(), time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *words],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        preexec_fn=lambda: os.sched_setaffinity(0, cores),
    ) as process:
        lines = []
        for line in process.stdout:
            lines.append(line)
            if until and until in line:
                break
        else:
            if until or process.wait():
                sys.exit(f"python {' '.join(words)}: {lines[-1] if lines else 'no output'}")
        wall = time.perf_counter() - started
        process.kill()
    return wall, _children() - used


def _children() -> float:
    """Returns the seconds that ended children of this process have used."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def first_step(subject: str, way: str, folder: Path, cores: Sequence[int]) -> tuple[float, float]:
    """Returns the seconds of the wall and of the process to the first step of a network, or of the main job.

    What is compiled is kept below `folder`, by subject; a cold start leaves it alone.
    """
    with tempfile.TemporaryDirectory() as empty:
        cache = Path(empty) if way == COLD else folder / subject
        if subject == JOB:
            words = [*_MAIN_JOB, "--workdir", str(Path(empty) / "run")]
            return seconds_of(words, cache, cores, _FIRST_REPORT)
        words = ["-m", "experiments.benchmarks.startup", "--first", FLAX if way == FLAX else OURS]
        return seconds_of([*words, "--networks", subject], cache, cores)


def measure(subjects: Sequence[str], cores: Sequence[int], rounds: int) -> list[dict]:
    """Returns what is found of imports, help and the first step of every subject, a row each."""
    found: dict[tuple[str, str], list[tuple[float, float]]] = {}
    with tempfile.TemporaryDirectory() as folder:
        for subject in subjects:
            first_step(subject, WARM, Path(folder), cores)  # fills its cache
        for _ in range(rounds):
            for name, words in IMPORTS.items():
                found.setdefault((name, ""), []).append(seconds_of(words, Path(folder), cores))
            for subject in subjects:
                for way in (COLD, WARM, *(() if subject == JOB else (FLAX,))):
                    times = first_step(subject, way, Path(folder), cores)
                    found.setdefault((subject, way), []).append(times)
    return [_row(subject, way, np.asarray(times), found) for (subject, way), times in found.items()]


def _row(subject: str, way: str, times: np.ndarray, found: dict[tuple[str, str], list[tuple[float, float]]]) -> dict:
    wall, process = times.T
    row = {"subject": subject, "way": way, "wall": wall.tolist(), "process": process.tolist()}
    if (subject, FLAX) in found:
        row["to_flax"] = float(np.median(wall / np.asarray(found[subject, FLAX])[:, 0]))
    return row


def table(rows: Sequence[dict]) -> str:
    """Returns the table in Markdown."""
    lines = [
        "| what | way | median s | least | most | s of the process | to flax |",
        "|---|---|---:|---:|---:|---:|---:|",
    ]
    for row in rows:
        wall = np.asarray(row["wall"])
        times = f"{np.median(wall):.2f} | {wall.min():.2f} | {wall.max():.2f} | {np.median(row['process']):.2f}"
        ratio = f"{row['to_flax']:.2f}" if "to_flax" in row else ""
        subject = row["subject"] if row["subject"] in IMPORTS else f"first step of {row['subject']}"
        lines.append(f"| {subject} | {row['way']} | {times} | {ratio} |")
    return "\n".join(lines) + "\n"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--networks", type=lambda text: text.split(","), default=list(NETWORKS))
    parser.add_argument("--cores", type=int)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--first", help=argparse.SUPPRESS)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    if arguments.first:
        make_run(arguments.first, arguments.networks[0])(1)
        return
    cores = first_cores(arguments.cores)
    rows = measure([JOB, *arguments.networks], cores, arguments.rounds)
    text = table(rows) + f"\nOn {len(cores)} cores, {arguments.rounds} rounds.\n"
    print(text)
    if arguments.out:
        write(arguments.out / "startup.md", "startup", text)
        (arguments.out / "startup.json").write_text(json.dumps({"cores": len(cores), "rows": rows}, indent=1) + "\n")


if __name__ == "__main__":
    main()
