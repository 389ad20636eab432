"""A clone of the code, and programs on the PATH that stand in for other machines: their commands run here.

Python itself has a stand-in too, which makes no environment and installs nothing; of `-m deepvision` it either writes
down the call, or (with DEEPVISION_REAL set) it is the real one.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]

PYTHON = f"""#!/usr/bin/env bash
case "$1 $2" in
  "-m venv") mkdir -p "$3/bin" && cp "$0" "$3/bin/python" && touch "$3/bin/pip" && chmod +x "$3/bin/pip" ;;
  "-m pip") echo "install in $PWD" >>"$CALLS" ;;
  "-m deepvision")
    [[ -z "${{DEEPVISION_REAL-}}" ]] || exec {sys.executable} "$@"
    echo "$PWD: ${{*:3}} JAX_PLATFORMS=${{JAX_PLATFORMS-}} XLA_FLAGS=${{XLA_FLAGS-}}" >>"$CALLS"
    [[ "$PWD" != "$MACHINES"* ]] || mkdir -p runs
    echo "said by process ${{*: -1}}"
    if [[ "$*" == *wait_for_a_signal* ]]; then
      trap 'echo "got TERM" >>"$CALLS"; exit 75' TERM
      touch "$CALLS-waiting-${{*: -1}}"
      for ((i = 0; i < 200; i++)); do sleep 0.05; done
    fi
    [[ "$*" != *"fail"*"--process_id 1" ]] || exit 2
    [[ "$*" != *stopped_by_a_signal* ]] || exit 75
    ;;
  *) exec {sys.executable} "$@" ;;
esac
"""

SSH = """#!/usr/bin/env bash
[[ "$1" != -n ]] || shift
echo "ssh $1" >>"$CALLS"
mkdir -p "$MACHINES/$1"
cd "$MACHINES/$1" && exec bash -c "$2"
"""

SBATCH = """#!/usr/bin/env bash
echo "sbatch $*" >>"$CALLS"
SLURM_JOB_ID="$JOB" bash -s
"""

SRUN = """#!/usr/bin/env bash
export SLURM_STEP_NODELIST=localhost SLURM_STEP_NUM_TASKS=2 SLURM_NTASKS=2 SLURM_LOCALID=0
SLURM_PROCID=0 "$@" & first=$!
SLURM_PROCID=1 "$@" & second=$!
trap 'kill -TERM $first $second' TERM
status=0
for pid in $first $second; do
  wait $pid || status=$?
  while kill -0 $pid 2>/dev/null; do status=0; wait $pid || status=$?; done
done
exit $status
"""

SCONTROL = """#!/usr/bin/env bash
echo "scontrol $*" >>"$CALLS"
"""

GCLOUD = f"""#!{sys.executable}
import os, shutil, subprocess, sys
from pathlib import Path

slices, words = Path(os.environ["MACHINES"]), sys.argv[1:]
flags = dict(word[2:].partition("=")[::2] for word in words if word.startswith("--"))
verb, *names = [word for word in words if not word.startswith("--")][3:]
assert words[:3] == ["compute", "tpus", "tpu-vm"] and flags["zone"] == "here", words
with open(os.environ["CALLS"], "a") as calls:
    calls.write(f"gcloud {{verb}} {{' '.join(names[:1])}} {{flags.get('worker', '')}}\\n")
pod = slices / names[-1 if verb == "scp" and not names[0].startswith("pod:") else 0].split(":")[0]
every = sorted(pod.glob("worker-*"))
workers = every if flags.get("worker") == "all" else [pod / f"worker-{{flags.get('worker')}}"]
if verb == "describe":
    if not every:
        sys.exit(1)
    print("READY" if "state" in flags["format"] else "localhost localhost")
elif verb == "create":
    assert flags["accelerator-type"] == "v5litepod-16" and flags["version"] == "v2-alpha-tpuv5-lite"
    for number in range(2):
        (pod / f"worker-{{number}}").mkdir(parents=True)
elif verb == "scp" and names[0].startswith("pod:"):
    (worker,) = workers
    shutil.copytree(worker / names[0].partition(":")[2], Path(names[1]) / "runs", dirs_exist_ok=True)
elif verb == "scp":
    for worker in workers:
        shutil.copy(names[0], worker / names[1].partition(":")[2])
elif verb == "ssh":
    statuses = [subprocess.run(["bash", "-c", flags["command"]], cwd=worker).returncode for worker in workers]
    sys.exit(max(statuses))
"""

PROGRAMS = {
    "python3.11": PYTHON,
    "python3.12": PYTHON,
    "ssh": SSH,
    "sbatch": SBATCH,
    "srun": SRUN,
    "scontrol": SCONTROL,
    "gcloud": GCLOUD,
    "nvidia-smi": "#!/bin/sh\nexit 9\n",
}


class Machines:
    """A clone, and the machines that it is launched on."""

    def __init__(self, folder: Path):
        self.root, self.machines, self._calls = folder / "clone", folder / "machines", folder / "calls"
        programs = folder / "bin"
        for made in (self.root, self.machines, programs):
            made.mkdir()
        shutil.copytree(ROOT / "deepvision" / "launch", self.root / "deepvision" / "launch")
        for name in ("launch.sh", "setup.cfg"):
            shutil.copy(ROOT / name, self.root)
        for name, text in PROGRAMS.items():
            (programs / name).write_text(text)
            (programs / name).chmod(0o755)
        with socket.create_server(("", 0)) as server:
            port = server.getsockname()[1]
        self.environment = {
            **{name: os.environ[name] for name in os.environ.keys() & {"DEEPVISION_DATA", "DEEPVISION_CACHE"}},
            "PATH": f"{programs}:/usr/bin:/bin",
            "HOME": str(folder),
            "CALLS": str(self._calls),
            "MACHINES": str(self.machines),
            "PYTHON": "python3.11",
            "PYTHONPATH": str(ROOT),
            "DEEPVISION_PORT": str(port),
            "JOB": str(port),
            "JAX_PLATFORMS": "cpu",
        }

    def remove(self, program: str) -> None:
        """Leaves a program out of the PATH, also where this machine has it."""
        others = self.root.parent / "others"
        others.mkdir()
        for folder in map(Path, self.environment["PATH"].split(":")):
            for file in folder.iterdir():
                if file.name != program and not (others / file.name).is_symlink():
                    (others / file.name).symlink_to(file)
        self.environment["PATH"] = str(others)

    def start(self, *words: str, **environment: str) -> subprocess.Popen:
        """Starts launch.sh."""
        self._calls.write_text("")
        return subprocess.Popen(
            [str(self.root / "launch.sh"), *words],
            env=self.environment | environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def launch(self, *words: str, status: int = 0, **environment: str) -> tuple[str, str]:
        """Runs launch.sh; returns what it wrote on standard output and standard error."""
        process = self.start(*words, **environment)
        output, errors = process.communicate(timeout=300)
        assert process.returncode == status, errors
        return output, errors

    @property
    def calls(self) -> list[str]:
        """What the stand-ins were asked to do since the last start."""
        return self._calls.read_text().splitlines()
