"""`parallel.mode = "fsdp"` computes what `pmap` does, each device holding its share of the state alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from jax.sharding import PartitionSpec

from deepvision.build import build
from deepvision.errors import UserError
from deepvision.train.parallel import pick_devices
from deepvision.train.programs import Programs
from tests.train.faults import run, small_run
from tests.train.processes import start
from tests.train.sharded import SEEDS, configs, stopped
from tests.train.small import curve

NAMES = [(name, seed) for name, seeds in SEEDS.items() for seed in seeds]


@pytest.fixture(scope="module")
def alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run on one device in the usual mode, left alone."""
    folder = tmp_path_factory.mktemp("alone")
    run(small_run(), folder)
    return folder


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What `tests.train.sharded` leaves behind; one of its runs was begun here."""
    folder = tmp_path_factory.mktemp("sharded")
    stopped(small_run(), folder / "begun on one")
    flags = f"{os.environ.get('XLA_FLAGS', '')} --xla_force_host_platform_device_count=8"
    environment = {**os.environ, "XLA_FLAGS": flags, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    subprocess.run([sys.executable, "-m", "tests.train.sharded", str(folder)], env=environment, check=True)
    return folder


@pytest.mark.parametrize(("name", "seed"), NAMES)
def test_both_modes_have_the_same_curve(runs: Path, name: str, seed: int):
    """With batch norm over all devices and over each, augmentation, dropout, mixtures, LAMB, LARS and clipping."""
    pmap, fsdp = (curve(runs / name / mode, seed=seed) for mode in ("pmap", "fsdp"))
    assert len(pmap) == configs()[name].train.steps == 20
    assert pmap[-5:].mean() < pmap[0] - 0.05, "it learns"
    np.testing.assert_allclose(fsdp, pmap, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(("name", "seed"), NAMES)
def test_both_modes_count_the_same_in_evaluation(runs: Path, name: str, seed: int):
    pmap, fsdp = (curve(runs / name / mode, "eval", "accuracy", seed) for mode in ("pmap", "fsdp"))
    np.testing.assert_array_equal(fsdp, pmap)
    np.testing.assert_allclose(fsdp * 359, np.round(fsdp * 359), atol=1e-9)


def test_a_device_holds_its_share_of_the_state(runs: Path):
    shares = json.loads((runs / "memory.json").read_text())
    assert shares["pmap"] == 1
    assert 1 / 8 <= shares["fsdp"] < 1.1 / 8, "but for the small leaves"
    assert shares["pmap donated"] and shares["fsdp donated"]


def test_a_run_goes_on_in_the_other_mode_on_another_number_of_devices(runs: Path, alone: Path):
    assert run(small_run(), runs / "begun on eight") == ["resuming from step 7"]
    for begun in ("begun on one", "begun on eight"):
        for split in ("train", "eval"):
            found, expected = (curve(folder, split, seed=4) for folder in (runs / begun, alone))
            assert len(expected) >= 2
            np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-4)


def test_processes_on_cpus_are_refused(tmp_path: Path):
    for process in start("share", tmp_path, 2, 2):
        assert process.returncode == 2, process.stderr
        assert "parallel.mode = 'fsdp' over several processes needs GPUs or TPUs" in process.stderr  # of either one
    assert not list(tmp_path.rglob("metrics.jsonl"))


def test_leaves_are_cut_along_their_longest_axis_that_divides():
    one = pick_devices(1, 8, "fsdp")
    state = {"kernel": np.zeros((1, 3, 512, 256), np.float32), "bias": np.zeros((1, 256), np.float32)}
    placed = one.place(state)
    assert placed["kernel"].sharding.spec == PartitionSpec(None, None, "batch")
    assert placed["bias"].sharding.spec == PartitionSpec()


def test_what_does_not_exist_or_fit_is_refused():
    with pytest.raises(UserError, match=r"unknown parallel.mode 'fdsp' \(did you mean 'fsdp'\?\)"):
        Programs(build(small_run(parallel__mode="fdsp")), 1, together=True, why="")
    with pytest.raises(UserError, match="parallel.devices = 99, but there are"):
        Programs(build(small_run(parallel__mode="fsdp", parallel__devices=99)), 1, together=True, why="")
