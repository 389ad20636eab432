"""An ablation killed at any moment and started again ends in the same table as one left alone, bit for bit."""

from __future__ import annotations

import glob
import json
import os
import random
import subprocess
import sys
import time
from pathlib import Path

KILLS = int(os.environ.get("DEEPVISION_TEST_KILLS", "1"))  # in either mode

RUN = """
import sys
from pathlib import Path
from deepvision.ablation.run import run_arms
from deepvision.build import build_replicas
from deepvision.train import compile_cache
from deepvision.train.display import Silent
from tests.ablation.test_run import study
compile_cache.enable()
axes = {"optimizer.learning_rate": (0.1, 1e30)}
config = study(axes, seeds=2, train__steps=80, train__checkpoint_every_steps=10, parallel__replicas=sys.argv[2])
print(run_arms(config, Path(sys.argv[1]), build_replicas, Silent()))
"""


def start(workdir: Path, mode: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", RUN, str(workdir), mode], env=environment)


def kill_at_random(process: subprocess.Popen, workdir: Path, moment: random.Random) -> bool:
    """Kills the ablation a random while after it has written something new; returns whether it was still running."""

    def written() -> set[str]:
        return set(glob.glob(f"{workdir}/*/**/checkpoints/*", recursive=True))

    before, deadline = written(), time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None and written() == before:
        time.sleep(0.01)
    time.sleep(moment.uniform(0, 0.4))
    killed = process.poll() is None
    process.kill()
    process.wait()
    return killed


def table(workdir: Path) -> dict[str, bytes | dict]:
    """Returns everything that the report of an ablation is made of, but for what depends on the clock."""
    found: dict[str, bytes | dict] = {}
    for arm in json.loads((workdir / "ablation.json").read_text())["arms"]:
        path = workdir / arm["folder"]
        for file in ("config.json", "metrics.jsonl", "failure.json"):
            found[f"{arm['name']} {file}"] = (path / file).read_bytes() if (path / file).is_file() else b""
        if (path / "result.json").is_file():
            result = json.loads((path / "result.json").read_text())
            kept = ("seeds", "steps", "last", "best", "ensemble")
            found[f"{arm['name']} result"] = {key: result[key] for key in kept}
    return found


def check(tmp_path: Path, mode: str, kills: int) -> None:
    left_alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert start(left_alone, mode).wait() == 0
    moment = random.Random(mode)
    first, *_ = [kill_at_random(start(killed, mode), killed, moment) for _ in range(kills)]
    assert first, "it ended before it was killed"
    assert start(killed, mode).wait() == 0
    assert table(killed) == table(left_alone)
    assert not list((killed / "groups").rglob("replicas.json")), "nothing is left of what was begun"


def test_killed_one_after_another(tmp_path: Path):
    check(tmp_path, "sequential", KILLS)


def test_killed_together(tmp_path: Path):
    check(tmp_path, "vmap", KILLS)
