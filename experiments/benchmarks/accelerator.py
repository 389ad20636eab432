"""Everything that is to be known of an accelerator, in one go: steps, replicas, and the CIFAR-10 speed run.

    python -m experiments.benchmarks.accelerator --out FOLDER [--data cifar10.npz] [--parts steps,replicas,speedrun]
                                                 [--runs 50] [--peak 790] [--bandwidth 4.3] [--minutes 40] [--small]

    steps     `accelerator_steps` of ResNet-50, ViT-S/16 and ViT-B/16
    replicas  `replicas` of 32 x LeNet-5 and of 8 x ResNet-20
    speedrun  `speedrun` of both recipes, --runs each; needs --data, CIFAR-10 as .npz

Each is a process of its own, ended after --minutes: what fails is named, and the others go on. Below --out are their
results, what they said (`logs/`), and summary.md and .json, written anew after each. The status is 1 if anything
failed. --small is a trial on a CPU.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from experiments.benchmarks.accelerator_steps import SMALL
from experiments.benchmarks.peers.workload import GPU_WORKLOADS
from experiments.benchmarks.timing import write

PARTS = ("steps", "replicas", "speedrun")
REPLICAS = {"lenet5_modern": (8, 4), "cifar_resnet20": (4, 2)}  # seeds, learning rates


@dataclasses.dataclass(frozen=True)
class Job:
    """One process.

    Attributes:
        name: of its files, in --out.
        words: `python -m` runs.
    """

    name: str
    words: tuple[str, ...]

    def run(self, out: Path, minutes: float) -> str:
        """Runs it, what it says into logs/NAME.log; returns "done", or why it failed."""
        log = out / "logs" / f"{self.name}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("w") as file:
            command = [sys.executable, "-m", *self.words]
            process = subprocess.Popen(command, stdout=file, stderr=subprocess.STDOUT, start_new_session=True)
            try:
                status = process.wait(60 * minutes)
            except subprocess.TimeoutExpired:
                return f"failed: not done in {minutes:g} minutes"
            finally:
                if process.poll() is None:  # on Ctrl-C, too
                    os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
                    process.wait()
        said = [line for line in log.read_text().splitlines() if line.strip()]
        return "done" if not status else f"failed, status {status}: {said[-1] if said else ''}"


def jobs(arguments: argparse.Namespace) -> list[Job]:
    """Returns what the parts consist of."""
    made = {"steps": steps, "replicas": replicas, "speedrun": speed_runs}
    return [job for part in arguments.parts for job in made[part](arguments)]


def steps(arguments: argparse.Namespace) -> list[Job]:
    limits = ("--peak", str(arguments.peak), "--bandwidth", str(arguments.bandwidth))
    small = ("--small", "--rounds", "3", "--seconds", "0.5") if arguments.small else ()
    return [
        _job(f"accelerator_{network}", "accelerator_steps", arguments, "--networks", network, *limits, *small)
        for network in (SMALL if arguments.small else GPU_WORKLOADS)
    ]


def replicas(arguments: argparse.Namespace) -> list[Job]:
    made = []
    for network, (seeds, rates) in REPLICAS.items():
        seeds, rates, size = (2, 1, ("--steps", "2", "--repeats", "1")) if arguments.small else (seeds, rates, ())
        counts = ("--seeds", str(seeds), "--rates", str(rates))
        made.append(_job(f"replicas_{network}", "replicas", arguments, "--network", network, *counts, *size))
    return made


def speed_runs(arguments: argparse.Namespace) -> list[Job]:
    variants = ("small",) if arguments.small else ("full", "muon")
    size = ("--runs", "1", "--steps", "2") if arguments.small else ("--runs", str(arguments.runs))
    fixed = ("--data", str(arguments.data), "--peak", str(arguments.peak), *size)
    return [_job(f"speedrun_{variant}", "speedrun", arguments, "--variant", variant, *fixed) for variant in variants]


def _job(name: str, benchmark: str, arguments: argparse.Namespace, *words: str) -> Job:
    return Job(name, (f"experiments.benchmarks.{benchmark}", *words, "--out", str(arguments.out)))


def summarize(out: Path, results: list[dict]) -> str:
    """Writes what is known so far: a table of the jobs, and below it what each has found."""
    lines = ["| part | result | minutes |", "|---|---|---:|"]
    lines += [f"| {row['name']} | {row['result']} | {row['minutes']:.1f} |" for row in results]
    text = "\n".join(lines) + "\n"
    files = [out / f"{row['name']}.md" for row in results]
    found = "".join(f"\n## {file.stem}\n\n{file.read_text()}" for file in files if file.is_file())
    write(out / "summary.md", "accelerator", text + found)
    (out / "summary.json").write_text(json.dumps(results, indent=1) + "\n")
    return text


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--data", type=Path, help="CIFAR-10 as .npz, x_train, y_train, x_test, y_test")
    parser.add_argument("--parts", type=lambda text: text.split(","), default=list(PARTS))
    parser.add_argument("--runs", type=int, default=50, help="of each speed run")
    parser.add_argument("--peak", type=float, default=790.0, help="TFLOP/s of the device")
    parser.add_argument("--bandwidth", type=float, default=4.3, help="TB/s of its memory")
    parser.add_argument("--minutes", type=float, default=40.0, help="after which a process is ended")
    parser.add_argument("--small", action="store_true")
    arguments = parser.parse_args()
    if not set(arguments.parts) <= set(PARTS):
        parser.error(f"--parts are {', '.join(PARTS)}")
    if "speedrun" in arguments.parts and not arguments.data:
        parser.error("the speed run needs --data; or leave it out: --parts steps,replicas")
    results, text = [], ""
    for job in jobs(arguments):
        (arguments.out / f"{job.name}.md").unlink(missing_ok=True)  # of an earlier time
        print(f"{job.name} ...", flush=True)
        started = time.perf_counter()
        result = job.run(arguments.out, arguments.minutes)
        minutes = (time.perf_counter() - started) / 60
        results.append({"name": job.name, "result": result, "minutes": minutes, "command": job.words})
        text = summarize(arguments.out, results)
        print(f"{job.name}: {result}, {minutes:.1f} minutes", flush=True)
    print(f"\n{text}\n{arguments.out / 'summary.md'}")
    sys.exit(any(row["result"] != "done" for row in results))


if __name__ == "__main__":
    main()
