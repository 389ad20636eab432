"""A signal ends a run at its next step with everything saved; a second one at once."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from deepvision.cli.app import main
from deepvision.train import interruption
from tests.train.faults import assert_same_end, at, newest, run, small_run

EXPERIMENT = """
from tests.train.faults import small_run

def get_config():
    return small_run()
"""


@pytest.fixture(scope="module")
def left_alone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("alone")
    run(small_run(), folder)
    return folder


def send_sigterm() -> None:
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(0.05)  # Python runs the handler between two of its instructions


@pytest.mark.parametrize(("moment", "saved_at"), [("step 7", 7), ("step 8", 8), ("step 10", 10), ("step 20", 20)])
def test_a_run_stopped_anywhere_goes_on_to_the_same_bits(
    left_alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, moment: str, saved_at: int
):
    """Between two reports, at one, before an evaluation, and after the last step."""
    at(monkeypatch, moment, send_sigterm)
    with interruption.listening(), pytest.raises(interruption.Interrupted, match=f"saved at step {saved_at}"):
        run(small_run(), tmp_path)
    assert newest(tmp_path) == saved_at
    assert not (tmp_path / "result.json").exists()
    with interruption.listening():
        assert run(small_run(), tmp_path) == [f"resuming from step {saved_at}"]
    assert_same_end(tmp_path, left_alone)


@pytest.mark.parametrize("step", [10, 20])
def test_an_evaluation_that_was_stopped_is_done_anew(
    left_alone: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, step: int
):
    at(monkeypatch, f"of the evaluation at step {step}", send_sigterm)
    with interruption.listening(), pytest.raises(interruption.Interrupted, match=f"saved at step {step}"):
        run(small_run(), tmp_path)
    assert f'"step": {step}, "epoch": {step / 10}, "split": "eval"' not in (tmp_path / "metrics.jsonl").read_text()
    with interruption.listening():
        assert run(small_run(), tmp_path) == [f"resuming from step {step}"]
    assert_same_end(tmp_path, left_alone)


def test_the_command_says_so_and_ends_with_75(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd):
    experiment = tmp_path / "experiment.py"
    experiment.write_text(EXPERIMENT)
    command = ["train", "--config", str(experiment), "--workdir", str(tmp_path / "run")]
    at(monkeypatch, "step 7", send_sigterm)
    assert main(command) == 75
    errors = capfd.readouterr().err
    assert "SIGTERM: stopping at the next step; a second signal leaves at once" in errors
    assert "stopped by a signal, saved at step 7; the same command again goes on" in errors
    assert main(command) == 0
    assert "resuming from step 7" in capfd.readouterr().err


def test_where_nothing_is_to_be_saved_a_signal_ends_the_command_there():
    with interruption.listening(), pytest.raises(interruption.Interrupted):
        send_sigterm()


@pytest.mark.parametrize(("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)])
def test_a_second_signal_leaves_at_once_also_out_of_compiled_code(number: int, status: int):
    code = (
        "import hashlib; from deepvision.train import interruption\n"
        "with interruption.listening(), interruption.held():\n"
        "    print('ready', flush=True); hashlib.pbkdf2_hmac('sha256', b'', b'', 10**9)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout.readline() == "ready\n"
    process.send_signal(number)
    assert process.stderr.readline().endswith("a second signal leaves at once\n")
    process.send_signal(number)  # so soon after it, this is the same one
    time.sleep(1.1 * interruption.SECONDS_OF_ONE)
    assert process.poll() is None
    process.send_signal(number)
    assert process.wait(timeout=10) == status
    assert "leaving at once" in process.stderr.read()
