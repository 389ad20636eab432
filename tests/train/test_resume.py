"""A run killed at any moment and started again ends in the same bits as one left alone."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import jax
import numpy as np
import orbax.checkpoint as ocp
import pytest

KILLS = int(os.environ.get("DEEPVISION_TEST_KILLS", "1"))  # per pipeline

RUN = """
import sys
from pathlib import Path
from deepvision.train import compile_cache
from tests.train.small import small_config, train
compile_cache.enable()
config = small_config(
    model__name="mlp", model__overrides=None, model__norm="batch", train__steps=100, train__averaging="ema(decay=0.9)",
    train__eval_every_epochs=1.0, train__checkpoint_every_steps=4, data__pipeline=sys.argv[2],
)
train(config, Path(sys.argv[1]), seeds=(3, 4))
"""


def start(workdir: Path, pipeline: str) -> subprocess.Popen:
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    return subprocess.Popen([sys.executable, "-c", RUN, str(workdir), pipeline], env=environment)


def kill_after_some_work(process: subprocess.Popen, workdir: Path, moment: random.Random, while_writing: bool) -> None:
    """Kills the run a random while after its first new checkpoint, or while one is being written."""
    folder = workdir / "checkpoints"
    before = set(folder.glob("*"))
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and process.poll() is None:
        new = set(folder.glob("*")) - before
        if while_writing and any("tmp" in path.name for path in new):
            break
        if not while_writing and new:
            time.sleep(moment.uniform(0, 0.4))
            break
        time.sleep(0.001)
    assert process.poll() is None, "it ended before it was killed"
    process.send_signal(signal.SIGKILL)
    process.wait()


def final_state(workdir: Path) -> dict[str, np.ndarray]:
    """Returns all arrays of the last checkpoint by path."""
    newest = max(int(path.name) for path in (workdir / "checkpoints").iterdir() if path.name.isdigit())
    assert newest == 100
    arrays = ocp.StandardCheckpointer().restore((workdir / "checkpoints" / str(newest) / "arrays").absolute())
    return {jax.tree_util.keystr(path): np.asarray(leaf) for path, leaf in jax.tree_util.tree_leaves_with_path(arrays)}


@pytest.mark.parametrize("pipeline", ["resident", "streaming"])
def test_killed_and_resumed_is_bit_equal(tmp_path: Path, pipeline: str):
    left_alone, killed = tmp_path / "alone", tmp_path / "killed"
    assert start(left_alone, pipeline).wait() == 0
    moment = random.Random(pipeline)
    for attempt in range(KILLS):
        while_writing = (attempt % 2 == 1) == (pipeline == "resident")
        kill_after_some_work(start(killed, pipeline), killed, moment, while_writing)
        assert not (killed / "result.json").exists()
    assert start(killed, pipeline).wait() == 0

    expected, found = final_state(left_alone), final_state(killed)
    assert expected.keys() == found.keys()
    for path in expected:
        np.testing.assert_array_equal(found[path], expected[path], err_msg=path)
    assert (killed / "metrics.jsonl").read_bytes() == (left_alone / "metrics.jsonl").read_bytes()
