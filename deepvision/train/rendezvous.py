"""How processes find each other: flags or the cluster's own variables say who they are, a roll call who is missing.

jax's own initialization ends the process with a stack trace when a peer does not come. So the first process calls the
roll before it, on the port that jax's coordination service then takes: every other one says its number in one line of
JSON, and hears whether all are there, or who is not.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import socket
import time
from collections.abc import Mapping

import jax

from deepvision.errors import UserError, unknown
from deepvision.train import distributed

_LONGEST_LINE = 4096


@dataclasses.dataclass(frozen=True)
class Place:
    """Of a process among several: "host:port" of the first one, how many there are, and which this is."""

    coordinator: str
    processes: int
    process_id: int


# What tells from the environment that this process is one of several; jax reads the rest of it.
CLUSTERS = {
    "slurm": lambda environment: int(environment.get("SLURM_STEP_NUM_TASKS", "1")) > 1,
    "tpu": lambda environment: (
        "," in environment.get("TPU_WORKER_HOSTNAMES", "") or int(environment.get("MEGASCALE_NUM_SLICES", "1")) > 1
    ),
}


def join(place: Place | None, cluster: str, timeout: int) -> None:
    """Makes this process one of several, if it is; before jax is used for anything else.

    Args:
        place: as given on the command line, or None.
        cluster: "auto" (what the environment tells), "slurm", "tpu" or "none".
        timeout: seconds to wait for the others.

    Raises:
        UserError: some processes did not come; the message names them.
    """
    place = place or detect(cluster, os.environ, timeout)
    if place is None or place.processes == 1:
        return
    call_roll(place, timeout)
    # On CPUs, programs that run at the same time mix up what they say to other processes.
    jax.config.update("jax_cpu_enable_async_dispatch", False)
    jax.distributed.initialize(
        place.coordinator,
        place.processes,
        place.process_id,
        cluster_detection_method="deactivate",  # it would give a process of Slurm one device, and others are not used
        initialization_timeout=timeout,
    )
    distributed.watch()


def detect(cluster: str, environment: Mapping[str, str], timeout: int) -> Place | None:
    """Returns the place of this process in a cluster; None where it is alone."""
    if cluster not in (*CLUSTERS, "auto", "none"):
        raise unknown("--cluster", cluster, (*CLUSTERS, "auto", "none"))
    found = [name for name, several in CLUSTERS.items() if several(environment)] if cluster == "auto" else [cluster]
    if not found or cluster == "none":
        return None
    from jax._src.clusters import ClusterEnv  # what jax.distributed.initialize asks; its answer is needed before that

    try:
        coordinator, processes, process_id, _ = ClusterEnv.auto_detect_unset_distributed_params(
            None, None, None, None, None, timeout
        )
    except (RuntimeError, ValueError, KeyError, OSError) as error:
        raise UserError(f"--cluster={found[0]}: {error}; name --coordinator, --processes and --process_id") from error
    if None in (coordinator, processes, process_id):
        raise UserError(f"--cluster={found[0]}: this is none; name --coordinator, --processes and --process_id")
    return Place(coordinator, processes, process_id)


def call_roll(place: Place, timeout: float) -> None:
    """Waits until all processes are there.

    Raises:
        UserError: some did not come in time, or two say that they are the same.
    """
    host, _, port = place.coordinator.rpartition(":")
    if not host or not port.isdigit():
        raise UserError(f"--coordinator must be HOST:PORT of process 0, got {place.coordinator!r}")
    if not 0 <= place.process_id < place.processes:
        raise UserError(f"--process_id must be in 0 ... {place.processes - 1}, got {place.process_id}")
    if place.process_id == 0:
        answer = _call(int(port), place, time.monotonic() + timeout)
    else:
        answer = _answer(host.strip("[]"), int(port), place, timeout)
    if answer is None:
        raise UserError(
            f"process {place.process_id} did not reach process 0 at {place.coordinator} within {timeout:g} s:"
            " is it running, is the address right, does a firewall close the port?"
        )
    if answer:
        raise UserError(f"{answer} at {place.coordinator} within {timeout:g} s; see what they say, and start all again")


def _call(port: int, place: Place, deadline: float) -> str:
    """Process 0: hears the others until the deadline, and tells them what came of it; returns that."""
    present, peers, answer = set[int](), list[socket.socket](), ""
    with _listening(port) as server:
        while len(present) < place.processes - 1 and not answer:
            server.settimeout(max(deadline - time.monotonic(), 0.001))
            try:
                peer, _ = server.accept()
            except TimeoutError:
                answer = _missing(set(range(1, place.processes)) - present, place.processes)
                break
            hello = _read_line(peer, seconds=5.0)
            if not isinstance(hello, dict) or not isinstance(hello.get("process"), int):
                peer.close()  # not one of ours: whoever scans ports
                continue
            answer = _wrong(hello, present, place)
            present.add(hello["process"])
            peers.append(peer)
    for peer in peers:
        with peer, contextlib.suppress(OSError):  # one that has gone meanwhile is missed later
            peer.sendall(json.dumps({"answer": answer}).encode() + b"\n")
    return answer


def _wrong(hello: dict[str, int], present: set[int], place: Place) -> str:
    """Returns what is wrong with a process that says hello; nothing: ""."""
    process, processes = hello["process"], hello.get("processes")
    if processes != place.processes:
        return f"process {process} counts {processes} processes, process 0 counts {place.processes},"
    if process in present or not 0 < process < place.processes:
        return f"two processes say that they are number {process}"
    return ""


def _missing(processes: set[int], count: int) -> str:
    names = ", ".join(map(str, sorted(processes)))
    return f"process{'es' if len(processes) > 1 else ''} {names} of {count} did not come"


def _listening(port: int) -> socket.socket:
    try:
        return socket.create_server(("", port))
    except OSError as error:
        reason = f"process 0 cannot listen on port {port}: {error.strerror}"
        raise UserError(f"{reason}; name another in --coordinator") from None


def _answer(host: str, port: int, place: Place, timeout: float) -> str | None:
    """The other processes: try to reach the first one; return what it says, None if it says nothing in time."""
    deadline = time.monotonic() + timeout
    hello = json.dumps({"process": place.process_id, "processes": place.processes}).encode() + b"\n"
    while (left := deadline - time.monotonic()) > 0:
        try:
            with socket.create_connection((host, port), timeout=left) as first:
                first.sendall(hello)
                heard = _read_line(first, seconds=timeout + 10.0)  # it may have begun to wait just now
        except OSError:
            heard = None
        if isinstance(heard, dict):
            return str(heard.get("answer"))
        time.sleep(0.2)
    return None


def _read_line(peer: socket.socket, seconds: float) -> object:
    """Returns one line of JSON; None for anything else."""
    peer.settimeout(seconds)
    try:
        with peer.makefile("rb") as lines:
            return json.loads(lines.readline(_LONGEST_LINE))
    except (OSError, ValueError):
        return None
