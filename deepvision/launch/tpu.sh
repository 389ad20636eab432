# ./launch.sh tpu NAME ZONE [--dry_run] [--type TYPE --version VERSION [--spot]] COMMAND ARGS
# Creates the TPU slice NAME if there is none (--type v5litepod-16 --version v2-alpha-tpuv5-lite), copies the code to
# all its workers, installs and runs it there, shows the log of worker 0, and fetches its runs/. The others' logs are
# in runs/NAME-worker-N.log. The slice is left running: gcloud compute tpus tpu-vm delete NAME --zone=ZONE

# The images of TPU VMs come with Python 3.10, and Ubuntu 22.04 itself has 3.11 only as a release candidate. A machine
# that has just started may be installing something: apt waits for that.
install_python="{ sudo add-apt-repository -y ppa:deadsnakes/ppa >/dev/null
    sudo apt-get -qqy -o DPkg::Lock::Timeout=600 install python3.12-venv >/dev/null; }"

face() {
  local usage="usage: ./launch.sh tpu NAME ZONE [--dry_run] [--type TYPE --version VERSION [--spot]] COMMAND ARGS"
  local type="" version="" spot=() status=0
  [[ -n "${2-}" ]] || fail "$usage"
  name="$1" zone="$2"
  shift 2
  while [[ "${1-}" == --* ]]; do
    case "$1" in
      --dry_run) dry_run=1 ;;
      --spot) spot=(--spot) ;;
      --type | --version)
        printf -v "${1#--}" %s "${2-}"
        shift
        ;;
      *) fail "$usage" ;;
    esac
    shift
  done
  [[ -n "${1-}" ]] || fail "$usage"
  needs gcloud
  have_slice "$type" "$version" "${spot[@]}"
  copy_code
  find_workers
  command=("$@" --coordinator "${addresses[0]}:$port" --processes "${#addresses[@]}")
  if [[ -n "${dry_run-}" ]]; then
    for index in "${!addresses[@]}"; do on_worker "$index" "$(process "$index")"; done
  else
    mkdir -p "$root/runs"
    together "${#addresses[@]}" start || status=$?
  fi
  step gcloud compute tpus tpu-vm scp --recurse "$name:deepvision/runs" "$root" --zone="$zone" --worker=0 ||
    fail "cannot fetch the results; they are in deepvision/runs on worker 0"
  return "$status"
}

have_slice() {
  local state
  state="$(gcloud compute tpus tpu-vm describe "$name" --zone="$zone" --format='value(state)' 2>/dev/null || true)"
  case "$state" in
    READY) return ;;
    PREEMPTED | TERMINATED) step gcloud compute tpus tpu-vm delete "$name" --zone="$zone" --quiet ;;
    "") ;;
    *) fail "TPU $name in $zone is $state, and must be READY" ;;
  esac
  [[ -n "$1" && -n "$2" ]] || fail "there is no TPU $name in $zone; to create it, name --type and --version"
  step gcloud compute tpus tpu-vm create "$name" --zone="$zone" --accelerator-type="$1" --version="$2" "${@:3}"
}

copy_code() {
  local code
  code="$(mktemp -d)/deepvision.tgz"
  pack "$code"
  step gcloud compute tpus tpu-vm scp "$code" "$name:deepvision.tgz" --zone="$zone" --worker=all
  on_worker all "python3.12 -c 'import ensurepip' 2>/dev/null || $install_python
    mkdir -p deepvision && tar -C deepvision -xzf deepvision.tgz && cd deepvision && ./launch.sh install"
  rm -r "${code%/*}"
}

find_workers() {
  local found
  found="$(gcloud compute tpus tpu-vm describe "$name" --zone="$zone" \
    --format='value[delimiter=" "](networkEndpoints[].ipAddress)' 2>/dev/null || true)"
  read -ra addresses <<<"${found//[;,]/ }"
  if ((!${#addresses[@]})); then
    [[ -n "${dry_run-}" ]] || fail "gcloud names no worker of TPU $name in $zone"
    addresses=(WORKER_0 WORKER_1) # of a slice that is still to be created
  fi
}

on_worker() { step gcloud compute tpus tpu-vm ssh "$name" --zone="$zone" --worker="$1" --command="$2"; }

process() { remotely deepvision "$1"; }

start() {
  if (($1)); then
    exec >"$root/runs/$name-worker-$1.log" 2>&1
  fi
  on_worker "$1" "$(process "$1")" </dev/null
}

stop() { # gcloud passes no signal on
  local index
  for index in "${!addresses[@]}"; do
    on_worker "$index" "kill -TERM \$(cat deepvision/.process-$index)" || true
  done
}
