"""Several processes with several devices each are one run: the same curve, the same counts, one end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.train.faults import newest, run
from tests.train.processes import start, stopped_run
from tests.train.records import record
from tests.train.small import curve
from tests.train.topologies import STEPS, TOPOLOGIES, configs


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The same runs in several topologies, "2x4" being two processes with four devices each; folders by topology."""
    folder = tmp_path_factory.mktemp("spread")
    for processes, devices in TOPOLOGIES:
        for process in start("train_all", folder / f"{processes}x{devices}", processes, devices):
            assert process.returncode == 0, process.stderr
    folders = {f"{processes}x{devices}": folder / f"{processes}x{devices}" for processes, devices in TOPOLOGIES}
    rows = [
        (name, *(f"{difference(folders, topology, name):.1e}" for topology in list(folders)[1:])) for name in configs()
    ]
    record("topologies", (f"greatest difference in {STEPS} steps from 1x1", *list(folders)[1:]), rows)
    return folders


def difference(folders: dict[str, Path], topology: str, run: str) -> float:
    """Returns the greatest difference between the losses of a run in a topology and on one device."""
    return np.abs(curve(folders[topology] / run) - curve(folders["1x1"] / run)).max()


SPREAD = [f"{processes}x{devices}" for processes, devices in TOPOLOGIES[1:]]


@pytest.mark.parametrize("name", configs())
@pytest.mark.parametrize("topology", SPREAD)
def test_the_curve_does_not_depend_on_processes_and_devices(spread: dict[str, Path], topology: str, name: str):
    one = curve(spread["1x1"] / name)
    assert len(one) == STEPS
    assert one[-3:].mean() < one[0] - 0.05, "it learns"
    assert difference(spread, topology, name) < 1e-4


@pytest.mark.parametrize("name", configs())
@pytest.mark.parametrize("topology", SPREAD)
def test_evaluation_counts_each_example_once_over_all_processes(spread: dict[str, Path], topology: str, name: str):
    """359 examples in batches of 160: the last one is ragged."""
    one, many = (curve(spread[where] / name, "eval", "accuracy") for where in ("1x1", topology))
    assert len(one) == 1
    np.testing.assert_array_equal(many, one)
    np.testing.assert_allclose(many * 359, np.round(many * 359), atol=1e-9)


def test_a_signal_to_one_process_stops_all_at_one_step_and_other_topologies_go_on(tmp_path: Path):
    """8 devices of one process, then two processes with one each, then one alone."""
    stopped, before = tmp_path / "stopped", 0
    for processes, devices in ((1, 8), (2, 1)):
        ended = start("stop_one", stopped, processes, devices)
        step = newest(stopped)
        last = f"stopped by a signal, saved at step {step}; the same command again goes on"
        assert [(p.returncode, p.stderr.splitlines()[-1]) for p in ended] == [(75, last)] * processes
        assert before + 7 <= step < stopped_run().train.steps
        before = step
    assert run(stopped_run(), stopped, seeds=(0,)) == [f"resuming from step {before}"]
    run(stopped_run(), tmp_path / "alone", seeds=(0,))
    found, expected = (curve(folder) for folder in (stopped, tmp_path / "alone"))
    assert len(expected) >= stopped_run().train.steps / stopped_run().train.log_every_steps
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)


def test_a_process_that_fails_tells_the_others(tmp_path: Path):
    first, last = start("fail_in_one", tmp_path / "failed", 2, 1)
    assert (last.returncode, last.stderr.splitlines()[-1]) == (2, "error: its disk is full")
    assert (first.returncode, first.stderr.splitlines()[-1]) == (2, "error: process 1: its disk is full")


def test_a_process_that_is_gone_is_not_waited_for(tmp_path: Path):
    first, last = start("kill_one", tmp_path / "failed", 2, 1)
    assert last.returncode == -9
    assert first.returncode == 75, first.stderr
    assert first.stderr.splitlines()[-1].startswith("error: lost another process; the same command again goes on")
