"""The faces of launch.sh that start several processes, on machines that stand in for clusters."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest

from tests.cli.stand_ins import Machines

EXPERIMENT = """
from tests.train.faults import small_run

def get_config():
    return small_run(train__steps=8, data__num_workers=0)
"""
TYPE = ("--type", "v5litepod-16", "--version", "v2-alpha-tpuv5-lite")


@pytest.fixture
def machines(tmp_path: Path) -> Machines:
    return Machines(tmp_path)


def ran(calls: list[str]) -> list[str]:
    return sorted(call for call in calls if "--process_id" in call)


def test_local_starts_processes_that_know_each_other(machines: Machines):
    output, errors = machines.launch("local", "--processes", "3", "--devices-per-process=2", "train", "a b")
    port = machines.environment["DEEPVISION_PORT"]
    where = f"--coordinator localhost:{port} --processes 3"
    flags = "JAX_PLATFORMS=cpu XLA_FLAGS= --xla_force_host_platform_device_count=2"
    expected = [f"{Path.cwd()}: train a b {where} --process_id {i} {flags}" for i in range(3)]
    assert ran(machines.calls) == expected
    assert output == "said by process 0\n"
    assert sorted(errors.splitlines()[-2:]) == [f"[process {i}] said by process {i}" for i in (1, 2)]


def test_one_process_with_devices_is_no_rehearsal(machines: Machines):
    machines.launch("local", "--devices-per-process", "4", "train")
    assert machines.calls[-1].endswith("train JAX_PLATFORMS=cpu XLA_FLAGS= --xla_force_host_platform_device_count=4")


def test_the_status_of_one_that_fails_is_that_of_all(machines: Machines):
    machines.launch("local", "--processes", "2", "train", "fail", status=2)
    assert len(ran(machines.calls)) == 2


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.parametrize(
    "face", [("local", "--processes", "2"), ("ssh", "one,two"), ("tpu", "pod", "here", *TYPE)], ids=lambda face: face[0]
)
def test_a_signal_goes_on_to_every_process(machines: Machines, face: tuple[str, ...], number: int):
    process = machines.start(*face, "train", "wait_for_a_signal")
    deadline = time.monotonic() + 60
    while len(list(machines.root.parent.glob("calls-waiting-*"))) < 2 and time.monotonic() < deadline:
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(timeout=30) == 75
    assert machines.calls.count("got TERM") == 2


def test_ssh_copies_installs_and_starts_on_every_host(machines: Machines):
    output, _ = machines.launch("ssh", "me@one,me@two", "train", "--config.model.norm=group(groups=8)")
    assert machines.calls.count("ssh me@one") == machines.calls.count("ssh me@two") == 2
    port = machines.environment["DEEPVISION_PORT"]
    for index, host in enumerate(("me@one", "me@two")):
        there = machines.machines / host / "deepvision"
        assert f"install in {there}" in machines.calls
        words = f"train --config.model.norm=group(groups=8) --coordinator one:{port} --processes 2 --process_id {index}"
        assert ran(machines.calls)[index].startswith(f"{there}: {words}")
    assert "said by process 0" in output


def test_tpu_creates_the_slice_once_and_fetches_what_came_out(machines: Machines):
    output, _ = machines.launch("tpu", "pod", "here", *TYPE, "train")
    verbs = [call for call in machines.calls if call.startswith("gcloud")]
    assert [verb.split()[1] for verb in verbs[:5]] == ["describe", "create", "scp", "ssh", "describe"]
    assert "said by process 0" in output
    assert "said by process 1" not in output
    assert (machines.root / "runs" / "pod-worker-1.log").read_text() == "said by process 1\n"
    assert len(ran(machines.calls)) == 2
    machines.launch("tpu", "pod", "here", "train")
    assert not [call for call in machines.calls if call.startswith("gcloud create")]


def test_tpu_without_a_slice_and_a_type_says_what_is_missing(machines: Machines):
    _, errors = machines.launch("tpu", "pod", "here", "train", status=1)
    assert errors.splitlines()[-1] == (
        "launch.sh: there is no TPU pod in here; to create it, name --type and --version"
    )


@pytest.mark.parametrize(("program", "words"), [("gcloud", ("tpu", "pod", "here", *TYPE)), ("sbatch", ("slurm", "--"))])
def test_a_program_that_is_not_installed_is_named(machines: Machines, program: str, words: tuple[str, ...]):
    machines.remove(program)
    _, errors = machines.launch(*words, "train", status=1)
    assert errors.splitlines()[-1] == f"launch.sh: there is no {program} on the PATH; install it first"


DRY = {
    ("ssh", "--dry_run", "one,two", "train"): ["ssh one", "ssh two", "ssh one", "ssh two"],
    ("slurm", "--dry_run", "--nodes=2", "--", "train"): ["sbatch --nodes=2", "#!/usr/bin/env bash"],
    ("tpu", "pod", "here", "--dry_run", *TYPE, "train"): [
        "gcloud compute tpus tpu-vm create pod --zone=here --accelerator-type=v5litepod-16 --version=v2-alpha",
        "gcloud compute tpus tpu-vm scp /",
        "gcloud compute tpus tpu-vm ssh pod --zone=here --worker=all",
        "gcloud compute tpus tpu-vm ssh pod --zone=here --worker=0",
        "gcloud compute tpus tpu-vm ssh pod --zone=here --worker=1",
        "gcloud compute tpus tpu-vm scp --recurse pod:deepvision/runs",
    ],
}


@pytest.mark.parametrize("words", DRY, ids=lambda words: words[0])
def test_a_dry_run_prints_every_command_and_runs_none(machines: Machines, words: tuple[str, ...]):
    output, _ = machines.launch(*words)
    lines = output.splitlines()
    assert [line[: len(start)] for line, start in zip(lines, DRY[words], strict=False)] == DRY[words]
    assert [call for call in machines.calls if "describe" not in call] == []


@pytest.mark.parametrize(
    "face", [("slurm", "--nodes=2", "--"), ("tpu", "pod", "here", *TYPE)], ids=lambda face: face[0]
)
def test_two_real_processes_train(machines: Machines, tmp_path: Path, face: tuple[str, ...]):
    experiment = tmp_path / "small.py"
    experiment.write_text(EXPERIMENT)
    workdir = "runs/small"
    output, errors = machines.launch(
        *face, "train", "--config", str(experiment), "--workdir", workdir, DEEPVISION_REAL="1"
    )
    folder = machines.root / workdir
    result = json.loads((folder / "result.json").read_text())
    assert result["steps"] == 8
    assert json.loads((folder / "environment.json").read_text())["processes"] == 2
    assert "2 processes of 1 x cpu" in output + errors


def test_a_slurm_job_that_was_stopped_is_queued_again(machines: Machines):
    machines.launch("slurm", "--nodes=2", "--", "train", "stopped_by_a_signal", status=75)
    assert f"scontrol requeue {machines.environment['JOB']}" in machines.calls
    machines.launch("slurm", "--nodes=2", "--", "train")
    assert not [call for call in machines.calls if "requeue" in call]
