#!/usr/bin/env bash
# Everything from a fresh clone; the first call installs into .venv, later calls start at once.
#   ./launch.sh                        the main job: which normalization for LeNet on handwritten digits?
#   ./launch.sh test [PYTEST ARGS]     the tests
#   ./launch.sh [local] COMMAND ARGS   python -m deepvision COMMAND ARGS (train, evaluate, ablate, models, report)
#   ./launch.sh local --processes N [--devices-per-process M] COMMAND ARGS    several processes here, as on a pod
#   ./launch.sh ssh HOST,HOST COMMAND ARGS | slurm [OPTIONS] -- COMMAND ARGS | tpu NAME ZONE COMMAND ARGS
#                                      the same on other machines (docs/running_on_a_pod.md); --dry_run shows how
#   ./launch.sh install                installs, and no more
# Environment: PYTHON, the interpreter to make .venv from. pip's own variables choose the package index.
set -euo pipefail

root="$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)"
venv="$root/.venv"
python="$venv/bin/python"

fail() { echo "launch.sh: $*" >&2; exit 1; }

find_python() {
  local candidate
  for candidate in ${PYTHON:-python3 python3.11 python3.12 python3.13 python3.14 python}; do
    if "$candidate" -c 'import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
      echo "$candidate"
      return
    fi
  done
  fail "no Python 3.11 or newer with its venv module among: ${PYTHON:-python3, python3.11 ... python3.14, python}." \
    "Install one, or name it: PYTHON=/path/to/python3.11 ./launch.sh"
}

# The extra of setup.cfg that is made for this machine: JAX for its accelerator, or fast convolutions for its CPU.
made_for_this() {
  if nvidia-smi -L 2>/dev/null | grep -q GPU; then
    echo cuda
  elif has_tpu; then
    echo tpu
  elif [[ "$(uname -sm)" == "Linux x86_64" ]] && { command -v c++ || command -v g++ || command -v clang++; } >/dev/null; then
    echo onednn
  fi
}

# Google's devices on the PCI bus that are TPUs, v2 to 7x, by the numbers that JAX goes by too; its network cards and
# disks are there as well. Newer TPUs show in /dev/vfio, as what other machines pass on to their guests does.
has_tpu() {
  local device vendor id
  for device in /sys/bus/pci/devices/*; do
    read -r vendor <"$device/vendor" && read -r id <"$device/device" || continue
    [[ "$vendor $id" =~ ^0x1ae0\ 0x00(27|56|5e|62|63|6f|76)$ ]] && return
  done 2>/dev/null
  return 1
}

# install EXTRAS ("", "test", "cuda,test" ...): once per content of setup.cfg.
install() {
  local target="$root${1:+[$1]}" stamp="$venv/installed-${1:-cpu}" state interpreter
  state="$(cksum <"$root/setup.cfg") $root"
  [[ -x "$python" && "$(cat "$stamp" 2>/dev/null)" == "$state" ]] && return
  exec 9>"$root/.venv.lock"
  if command -v flock >/dev/null; then flock 9; fi # a second launch waits here for the first one's install
  if [[ "$(cat "$stamp" 2>/dev/null)" != "$state" ]]; then
    echo "installing deepvision${1:+[$1]} into $venv: a minute or two, once ..." >&2
    if [[ ! -x "$venv/bin/pip" ]]; then
      interpreter="$(find_python)"
      "$interpreter" -m venv "$venv"
    fi
    "$python" -m pip install -qq --disable-pip-version-check -e "$target"
    echo "$state" >"$stamp"
  fi
  exec 9>&-
}

extras="$(made_for_this)"
case "${1-}" in
  "")
    install "$extras"
    cd "$root"
    exec "$python" -m deepvision ablate --config experiments/digits_norms.py --workdir runs/digits_norms
    ;;
  test)
    install "${extras:+$extras,}test"
    cd "$root"
    exec "$python" -m pytest -n 2 --dist loadfile "${@:2}" # two processes; a file's tests share what they train
    ;;
  install) install "$extras" ;;
  ssh | slurm | tpu)
    source "$root/deepvision/launch/processes.sh"
    source "$root/deepvision/launch/$1.sh"
    face "${@:2}"
    ;;
  *)
    if [[ "$1" == local ]]; then shift; fi
    if [[ "${1-}" == --processes* || "${1-}" == --devices* ]]; then
      source "$root/deepvision/launch/processes.sh"
      source "$root/deepvision/launch/local.sh"
      face "$@"
      exit
    fi
    install "$extras"
    exec "$python" -m deepvision "$@"
    ;;
esac
