# ./launch.sh slurm [--dry_run] [SBATCH OPTIONS] -- COMMAND ARGS
# Submits a batch script with one process per node, all devices of which it uses:
#   ./launch.sh slurm --nodes=4 --gpus-per-node=8 --time=24:00:00 -- train --config experiments/digits.py
# Two minutes before its time is over, and when it is preempted, the job saves, and is queued again until it is done.

face() {
  local options=() script
  if [[ "${1-}" == --dry_run ]]; then
    dry_run=1
    shift
  fi
  while [[ $# -gt 0 && "$1" != -- ]]; do
    options+=("$1")
    shift
  done
  [[ "${1-}" == -- && -n "${2-}" ]] || fail "usage: ./launch.sh slurm [--dry_run] [SBATCH OPTIONS] -- COMMAND ARGS"
  shift
  needs sbatch
  script="$(batch_script "$@")"
  if [[ -n "${dry_run-}" ]]; then
    step sbatch "${options[@]}"
    echo "$script"
  else
    mkdir -p "$root/runs"
    sbatch "${options[@]}" <<<"$script"
  fi
}

batch_script() {
  cat <<END
#!/usr/bin/env bash
#SBATCH --job-name=deepvision
#SBATCH --ntasks-per-node=1
#SBATCH --requeue
#SBATCH --open-mode=append
#SBATCH --signal=TERM@120
#SBATCH --output=$root/runs/slurm-%j.log
cd $(quoted "$root")
./launch.sh install
status=0
if [[ -n "\${SLURM_CPUS_PER_TASK-}" ]]; then # srun does not take it from sbatch by itself
  export SRUN_CPUS_PER_TASK="\$SLURM_CPUS_PER_TASK"
fi
srun ./launch.sh $(quoted "$@")|| status=\$?
if [[ \$status == 75 ]]; then # stopped by a signal, and saved
  scontrol requeue "\$SLURM_JOB_ID"
fi
exit \$status
END
}
