# What the faces of launch.sh share that start several processes as one run. Sourced by launch.sh.

port="${DEEPVISION_PORT:-8476}" # on which they meet
pids=()

stop() { kill -TERM "${pids[@]}" 2>/dev/null || true; }

# together N START: runs `START 0` ... `START N-1` at once and waits for all of them; SIGTERM and SIGINT go on to each.
# The status is the first one in their order that is not 0. Who fails tells the others, so that none waits for ever.
together() {
  local index pid code status=0
  trap 'signalled=1; stop' TERM INT
  for ((index = 0; index < $1; index++)); do
    "$2" "$index" &
    pids+=($!)
  done
  for pid in "${pids[@]}"; do
    signalled=1
    while ((signalled)); do # a signal ends the waiting, not the process
      signalled=0 code=0
      wait "$pid" || code=$?
    done
    ((status)) || status="$code"
  done
  return "$status"
}

# needs PROGRAM: ends where it is not installed and would be run.
needs() { [[ -n "${dry_run-}" ]] || type -P "$1" >/dev/null || fail "there is no $1 on the PATH; install it first"; }

# quoted WORDS: as one line that a shell reads as the same words.
quoted() { printf '%q ' "$@"; }

# remotely FOLDER INDEX: starts process INDEX of "${command[@]}" on its machine, where FOLDER has the code.
remotely() {
  local words
  words="$(quoted "${command[@]}" --process_id "$2")"
  echo "cd $(quoted "$1")&& echo \$\$ >.process-$2 && exec ./launch.sh $words"
}

# step COMMAND: runs a command; with --dry_run, prints it.
step() {
  if [[ -n "${dry_run-}" ]]; then
    quoted "$@"
    echo
  else
    "$@"
  fi
}

# pack FILE: the code as it stands, without what was made from it.
pack() { tar -C "$root" --exclude=./.git --exclude=./.venv --exclude=./runs --exclude=__pycache__ -czf "$1" .; }
