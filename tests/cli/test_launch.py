"""launch.sh, with a stub in place of Python: what it installs, when, and what it runs."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

# Writes every call to $CALLS; makes a virtual environment of stubs; fails to install if told.
STUB = """#!/usr/bin/env bash
[[ "$1" == -c ]] && exit "${STUB_OLD:-0}"
echo "$*" >>"$CALLS"
if [[ "$1 $2" == "-m venv" ]]; then
  mkdir -p "$3/bin"
  cp "$0" "$3/bin/python"
  cp "$0" "$3/bin/pip"
fi
if [[ "$1 $2 $3" == "-m pip install" ]]; then exit "${STUB_PIP:-0}"; fi
"""


class Clone:
    """A clone with nothing but the launcher, and a PATH on which the only Python and nvidia-smi are stubs."""

    def __init__(self, folder: Path):
        self.root = folder / "clone"
        self._bin = folder / "bin"
        self._calls = folder / "calls"
        self.root.mkdir()
        self._bin.mkdir()
        for name in ("launch.sh", "setup.cfg"):
            shutil.copy(ROOT / name, self.root)
        self.script("python3.11", STUB)
        self.script("nvidia-smi", "#!/bin/sh\nexit 9\n")

    def script(self, name: str, text: str) -> None:
        (self._bin / name).write_text(text)
        (self._bin / name).chmod(0o755)

    def launch(self, *argv: str, status: int = 0, **environment: str) -> tuple[list[str], str]:
        """Runs launch.sh; returns the calls of Python that were made, and standard error."""
        return self.run(str(self.root / "launch.sh"), *argv, status=status, **environment)

    def run(self, *command: str, status: int = 0, **environment: str) -> tuple[list[str], str]:
        self._calls.write_text("")
        env = {"PATH": f"{self._bin}:/usr/bin:/bin", "CALLS": str(self._calls), "PYTHON": "python3.11", **environment}
        done = subprocess.run(["env", *command], env=env, capture_output=True, text=True)
        assert done.returncode == status, done.stderr
        return self._calls.read_text().splitlines(), done.stderr


@pytest.fixture
def clone(tmp_path):
    return Clone(tmp_path)


def _installs(calls: list[str]) -> list[str]:
    return [call for call in calls if "pip install" in call]


def test_the_first_call_installs_and_runs_the_main_job(clone):
    calls, _ = clone.launch()
    assert calls[0] == f"-m venv {clone.root}/.venv"
    assert _installs(calls) == [calls[1]]
    assert calls[2:] == ["-m deepvision ablate --config experiments/digits_norms.py --workdir runs/digits_norms"]


def test_the_second_call_starts_at_once_and_another_setup_installs_again(clone):
    clone.launch()
    calls, errors = clone.launch()
    assert len(calls) == 1
    assert errors == ""
    with (clone.root / "setup.cfg").open("a") as setup:
        setup.write("\n# changed\n")
    assert len(_installs(clone.launch()[0])) == 1


def test_a_failed_installation_is_not_taken_for_done(clone):
    clone.launch("train", status=1, STUB_PIP="1")
    calls, _ = clone.launch("train")
    assert len(_installs(calls)) == 1
    assert calls[-1] == "-m deepvision train"


def test_arguments_are_passed_through_as_they_are(clone):
    argument = "--config.model.norm=group(groups=8) x"
    assert clone.launch("train", argument)[0][-1] == f"-m deepvision train {argument}"
    assert clone.launch("local", "models", "*resnet*")[0][-1] == "-m deepvision models *resnet*"


def test_test_installs_its_extra_and_runs_pytest(clone):
    calls, _ = clone.launch("test", "-k", "norms")
    assert _installs(calls)[0].endswith("test]")
    assert calls[-1] == "-m pytest -n 2 --dist loadfile -k norms"


def test_a_gpu_gets_the_cuda_build(clone):
    clone.script("nvidia-smi", "#!/bin/sh\necho 'GPU 0: NVIDIA H200'\n")
    assert _installs(clone.launch()[0])[0].endswith(f"-e {clone.root}[cuda]")
    assert _installs(clone.launch("test")[0])[0].endswith(f"-e {clone.root}[cuda,test]")


def test_no_suitable_python_is_one_clear_line(clone):
    calls, errors = clone.launch(status=1, STUB_OLD="1")
    assert calls == []
    assert "no Python 3.11 or newer" in errors.splitlines()[-1]


def test_two_first_launches_at_once_install_once(clone):
    clone.script("python3.11", STUB.replace('exit "${STUB_PIP:-0}"', "sleep 0.5"))
    clone.script("twice", f"#!/bin/sh\n{clone.root}/launch.sh train &\n{clone.root}/launch.sh train\nwait\n")
    calls, _ = clone.run("twice")
    assert len(_installs(calls)) == 1
    assert calls.count("-m deepvision train") == 2
