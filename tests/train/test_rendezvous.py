"""Processes find each other, or say in one line who is missing."""

from __future__ import annotations

import socket
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from deepvision.errors import UserError
from deepvision.train.rendezvous import Place, call_roll, detect


@pytest.fixture
def address() -> str:
    with socket.create_server(("localhost", 0)) as server:
        return f"localhost:{server.getsockname()[1]}"


def call(address: str, processes: dict[int, int], timeout: float = 5.0) -> dict[int, str]:
    """Lets processes (number: how many it thinks there are) call the roll; returns what each says, "": all is well."""

    def one(process: int) -> str:
        try:
            call_roll(Place(address, processes[process], process), timeout)
        except UserError as error:
            return str(error)
        return ""

    with ThreadPoolExecutor(len(processes)) as pool:
        return dict(zip(processes, pool.map(one, processes), strict=True))


def test_all_are_there(address: str):
    assert call(address, dict.fromkeys(range(5), 5)) == dict.fromkeys(range(5), "")


def test_everyone_names_who_is_missing(address: str):
    started = time.monotonic()
    said = call(address, dict.fromkeys((0, 2), 5), timeout=1.0)
    expected = f"processes 1, 3, 4 of 5 did not come at {address} within 1 s; see what they say, and start all again"
    assert said == {0: expected, 2: expected}
    assert time.monotonic() - started < 3


def test_without_the_first_process_the_others_say_so(address: str):
    said = call(address, {3: 4}, timeout=1.0)
    assert said[3].startswith(f"process 3 did not reach process 0 at {address} within 1 s: is it running")


def test_two_of_one_number_and_two_opinions_are_named(address: str):
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, address, {0: 3, 1: 3}, 5.0)
        time.sleep(0.3)
        with pytest.raises(UserError, match="two processes say that they are number 1"):
            call_roll(Place(address, 3, 1), 5.0)
        assert "two processes say that they are number 1" in first.result()[0]
    assert "process 1 counts 3 processes, process 0 counts 2" in call(address, {0: 2, 1: 3})[0]


def test_a_stranger_on_the_port_disturbs_nobody(address: str):
    host, port = address.split(":")
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(call, address, {0: 2}, 10.0)
        for words in (b"GET / HTTP/1.0\r\n\r\n", b"[1]\n", b'{"process": "x"}\n', b"\xff" * 10_000):
            for _ in range(50):
                try:
                    with socket.create_connection((host, int(port)), timeout=5) as stranger:
                        stranger.sendall(words)
                    break
                except OSError:
                    time.sleep(0.05)
        assert call(address, {1: 2}) == {1: ""}
        assert first.result() == {0: ""}


@pytest.mark.parametrize(
    ("place", "message"),
    [
        (Place("localhost", 2, 0), "--coordinator must be HOST:PORT of process 0, got 'localhost'"),
        (Place("localhost:1", 2, 2), "--process_id must be in 0 ... 1, got 2"),
    ],
)
def test_a_place_that_is_none_is_refused(place: Place, message: str):
    with pytest.raises(UserError, match=message):
        call_roll(place, 1.0)


SLURM = {
    "SLURM_JOB_ID": "4097",
    "SLURM_STEP_NODELIST": "gpu[007-008,12]",
    "SLURM_STEP_NUM_TASKS": "3",
    "SLURM_NTASKS": "3",
    "SLURM_PROCID": "2",
    "SLURM_LOCALID": "0",
}


def test_slurm_says_who_we_are(monkeypatch: pytest.MonkeyPatch):
    for name, value in SLURM.items():
        monkeypatch.setenv(name, value)
    assert detect("auto", SLURM, 1) == Place("gpu007:61441", 3, 2)
    assert detect("none", SLURM, 1) is None


@pytest.mark.parametrize(
    "environment", [{}, SLURM | {"SLURM_STEP_NUM_TASKS": "1"}, {"TPU_WORKER_HOSTNAMES": "localhost"}]
)
def test_alone_is_alone(environment: dict[str, str]):
    assert detect("auto", environment, 1) is None


def test_a_cluster_that_is_not_there_is_named():
    with pytest.raises(UserError, match="--cluster=slurm: this is none; name --coordinator, --processes and"):
        detect("slurm", {}, 1)
    with pytest.raises(UserError, match="unknown --cluster 'slrum' .did you mean 'slurm'"):
        detect("slrum", {}, 1)
