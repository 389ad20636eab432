# ./launch.sh ssh [--dry_run] HOST,HOST,... COMMAND ARGS
# One process on each host, the first of which shows progress and keeps the run folder. The code is copied to the folder
# DEEPVISION_REMOTE on each (default: deepvision, in the home folder) and installed there.

remote="${DEEPVISION_REMOTE:-deepvision}"

face() {
  local host
  if [[ "${1-}" == --dry_run ]]; then
    dry_run=1
    shift
  fi
  [[ -n "${1-}" && -n "${2-}" ]] || fail "usage: ./launch.sh ssh [--dry_run] HOST,HOST,... COMMAND ARGS"
  needs ssh
  IFS=, read -ra hosts <<<"$1"
  command=("${@:2}" --coordinator "${hosts[0]#*@}:$port" --processes "${#hosts[@]}")
  code="$(mktemp)"
  trap 'rm -f "$code"' EXIT
  pack "$code"
  for host in "${hosts[@]}"; do
    if [[ -n "${dry_run-}" ]]; then
      echo "ssh $host $(quoted "$(unpack)") <code.tgz"
    else
      ssh "$host" "$(unpack)" <"$code" || fail "cannot copy the code to $host, or install it there"
    fi
  done
  if [[ -n "${dry_run-}" ]]; then
    for index in "${!hosts[@]}"; do step ssh "${hosts[index]}" "$(process "$index")"; done
  else
    together "${#hosts[@]}" start
  fi
}

unpack() {
  local folder
  folder="$(quoted "$remote")"
  echo "mkdir -p $folder&& tar -C $folder-xzf - && cd $folder&& ./launch.sh install"
}

process() { remotely "$remote" "$1"; }

start() { exec ssh -n "${hosts[$1]}" "$(process "$1")"; }

stop() { # ssh passes no signal on
  local index
  for index in "${!hosts[@]}"; do
    ssh -n "${hosts[index]}" "cd $(quoted "$remote")&& kill -TERM \$(cat .process-$index)" || true
  done
}
