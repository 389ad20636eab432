"""Two processes with four devices each are one run: the same curve, the same counts, one end."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.train.faults import newest, run
from tests.train.processes import configs, long_run, start
from tests.train.small import curve


@pytest.fixture(scope="module")
def spread(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same runs in 2 x 4 and 1 x 8 processes x devices, and on one device."""
    folder = tmp_path_factory.mktemp("spread")
    for processes, devices in ((2, 4), (1, 8)):
        for process in start("train_all", folder / f"{processes}x{devices}", processes, devices):
            assert process.returncode == 0, process.stderr
    for name, config in configs().items():
        run(config, folder / "1x1" / name, seeds=(0,))
    return folder


@pytest.mark.parametrize("pipeline", ["resident", "streaming"])
@pytest.mark.parametrize("topology", ["2x4", "1x8"])
def test_the_curve_does_not_depend_on_processes_and_devices(spread: Path, topology: str, pipeline: str):
    one, many = (curve(spread / where / pipeline) for where in ("1x1", topology))
    assert len(one) >= 6
    np.testing.assert_allclose(many, one, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("pipeline", ["resident", "streaming"])
def test_evaluation_counts_each_example_once_over_all_processes(spread: Path, pipeline: str):
    """359 examples in batches of 160: the last one is ragged."""
    one, many = (curve(spread / where / pipeline, "eval", "accuracy") for where in ("1x1", "2x4"))
    np.testing.assert_array_equal(many, one)
    np.testing.assert_allclose(many * 359, np.round(many * 359), atol=1e-9)


def test_a_signal_to_one_process_stops_all_at_one_step_and_another_topology_goes_on(tmp_path: Path):
    ended = start("stop_one", tmp_path, 2, 2)
    step = newest(tmp_path / "stopped")
    for process in ended:
        assert process.returncode == 75
        last = f"stopped by a signal, saved at step {step}; the same command again goes on"
        assert process.stderr.splitlines()[-1] == last
    assert 7 <= step < long_run().train.steps
    for name in ("stopped", "alone"):
        run(long_run(), tmp_path / name, seeds=(0,))
    found, expected = (curve(tmp_path / name) for name in ("stopped", "alone"))
    assert len(found) == long_run().train.steps / 4
    np.testing.assert_allclose(found, expected, rtol=1e-3, atol=1e-3)


def test_a_process_that_fails_tells_the_others(tmp_path: Path):
    first, last = start("fail_in_one", tmp_path, 2, 1)
    assert (last.returncode, last.stderr.splitlines()[-1]) == (2, "error: its disk is full")
    assert (first.returncode, first.stderr.splitlines()[-1]) == (2, "error: process 1: its disk is full")


def test_a_process_that_is_gone_is_not_waited_for(tmp_path: Path):
    first, last = start("kill_one", tmp_path, 2, 1)
    assert last.returncode == -9
    assert first.returncode == 75, first.stderr
    assert first.stderr.splitlines()[-1].startswith("error: lost another process; the same command again goes on")
