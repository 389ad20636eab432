# ./launch.sh local --processes N [--devices-per-process M] COMMAND ARGS
# N processes on this machine; with M, each has M devices made of its CPU: a rehearsal of a pod. Process 0 shows
# progress, and what the others say is marked.

face() {
  local processes=1 devices=""
  while [[ "${1-}" == --processes* || "${1-}" == --devices[-_]per[-_]process* ]]; do
    [[ "$1" == *=* ]] || set -- "$1=${2-}" "${@:3}"
    [[ "${1#*=}" =~ ^[1-9][0-9]*$ ]] || fail "${1%%=*} needs a number of at least 1, got '${1#*=}'"
    case "$1" in
      --processes=*) processes="${1#*=}" ;;
      *) devices="${1#*=}" ;;
    esac
    shift
  done
  install "$extras"
  if [[ -n "$devices" ]]; then
    export JAX_PLATFORMS=cpu XLA_FLAGS="${XLA_FLAGS-} --xla_force_host_platform_device_count=$devices"
  fi
  ((processes > 1)) || exec "$python" -m deepvision "$@"
  port="${DEEPVISION_PORT:-$(free_port)}"
  command=("$@" --coordinator "localhost:$port" --processes "$processes")
  together "$processes" start
}

free_port() { "$python" -c 'import socket; print(socket.create_server(("", 0)).getsockname()[1])'; }

start() {
  if (($1)); then
    exec > >(sed -u "s/^/[process $1] /" >&2) 2>&1
  fi
  exec "$python" -m deepvision "${command[@]}" --process_id "$1"
}
