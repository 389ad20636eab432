"""Many processes as one: what they tell each other outside of the compiled programs.

A single process needs nothing of this, and every function here does the obvious for it. Of several, the first (number
0) reads and writes the run folder, and the others hear from it. Who fails says so to all before it leaves, and so does
who is asked to stop: through the key-value store of jax's coordination service, at which a thread of every process
looks once a second.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import sys
import threading
import time
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from deepvision.train import interruption

_PATIENCE_MS = 3_600_000  # for what all come to say, data being prepared; who is gone is noticed sooner
_PIECE = 2**24  # words of 4 bytes that are sent at a time: they take room on a device
_SECONDS_BETWEEN_LOOKS = 1.0
_ROOM = "deepvision"
_LOST = ("gloo", "UNAVAILABLE", "DEADLINE_EXCEEDED", "onnection", "coordination", "heartbeat")
_sentences = itertools.count()
_closing = threading.Event()


class _Listener:
    """What is done when a process has been asked to stop."""

    act: Callable[[], None] = staticmethod(lambda: None)


_listener = _Listener()


def count() -> int:
    """Returns the number of processes; 1 before they have met and after they have parted."""
    state = _jax_state()
    return state.num_processes if state.client is not None else 1


def is_first() -> bool:
    """Tells whether this process reads and writes for all."""
    return _number() == 0


def from_first(compute: Callable[[], Any]) -> Any:
    """Returns on all processes what the first one computes, JSON at most; all must come here, in the same order."""
    if count() == 1:
        return compute()
    key = f"{_ROOM}/from_first/{next(_sentences)}"
    if is_first():
        _client().key_value_set(key, json.dumps(compute()))
    return json.loads(_client().blocking_key_value_get(key, _PATIENCE_MS))


def broadcast(tree: Any) -> Any:
    """Returns the arrays of the first process on all of them, to the bit, in host memory."""
    if count() == 1:
        return tree
    leaves, structure = jax.tree.flatten(jax.tree.map(np.asarray, tree))
    raw = b"".join(leaf.tobytes() for leaf in leaves)
    words = np.frombuffer(raw + bytes(-len(raw) % 4), np.uint32)  # integers: a sum keeps the sign of no zero
    pieces = [words[start : start + _PIECE] for start in range(0, len(words), _PIECE)]
    sent = [multihost_utils.broadcast_one_to_all(piece, is_source=is_first()) for piece in pieces]
    raw = b"".join(np.asarray(piece).tobytes() for piece in sent)
    starts = itertools.accumulate((leaf.nbytes for leaf in leaves), initial=0)
    arrays = [
        np.frombuffer(raw, leaf.dtype, leaf.size, start).reshape(leaf.shape)
        for leaf, start in zip(leaves, starts, strict=False)
    ]
    return jax.tree.unflatten(structure, arrays)


def greatest(topic: str) -> int:
    """Returns the greatest of the numbers that the processes say on a topic, once each has; of a single process, 0."""
    if count() == 1:
        return 0
    keys = [f"{_ROOM}/{topic}/{process}" for process in range(count())]
    return max(int(_client().blocking_key_value_get(key, _PATIENCE_MS)) for key in keys)


def say(topic: str, text: object) -> None:
    """Says something on a topic; what was said before is forgotten."""
    if count() > 1:
        _client().key_value_set(f"{_ROOM}/{topic}/{_number()}", str(text), allow_overwrite=True)


def when_asked_to_stop(act: Callable[[], None]) -> None:
    """Lets the thread that listens call `act` when a process has been asked to stop."""
    _listener.act = act


def watch() -> None:
    """Listens, from now on, to what the other processes say of failures and of signals."""
    threading.Thread(target=_watch, daemon=True).start()


def close() -> None:
    """Waits until all processes are done, and lets go of them."""
    if count() > 1:
        _closing.set()
        jax.distributed.shutdown()


def leave(status: int, reason: str) -> None:
    """Ends a process among several after a failure, so that the others need not wait for it; of one, does nothing."""
    if count() > 1:
        _closing.set()
        with contextlib.suppress(jax.errors.JaxRuntimeError):  # nobody is there to be told
            say("failed", json.dumps([status, reason]))
        if is_first():  # what it said goes with it: time to hear it
            time.sleep(2.5 * _SECONDS_BETWEEN_LOOKS)
        sys.stdout.flush()
        os._exit(status)  # without jax's own farewell, which would wait for the others


def has_lost_others(error: Exception) -> bool:
    """Tells whether an error of jax in a run of several processes says that one of them has gone."""
    if count() == 1 or not any(word in str(error) for word in _LOST):
        return False
    _closing.wait(3 * _SECONDS_BETWEEN_LOOKS)  # if it has said why, the thread that listens ends this process first
    return True


def _jax_state() -> Any:
    from jax._src.distributed import global_state  # jax has no public way to its key-value store

    return global_state


def _client() -> Any:
    return _jax_state().client


def _number() -> int:
    return _jax_state().process_id


def _watch() -> None:
    client, me = _client(), _number()
    while not _closing.wait(_SECONDS_BETWEEN_LOOKS):
        try:
            if interruption.requested():
                say("stop", "requested")
            stop = client.key_value_dir_get(f"{_ROOM}/stop/")
            failed = client.key_value_dir_get(f"{_ROOM}/failed/")
        except jax.errors.JaxRuntimeError:
            return _end(interruption.EXIT_STATUS, "lost the connection to process 0; start all processes again")
        if stop:
            interruption.request()
            _listener.act()
        for key, text in failed:
            process = int(key.rsplit("/", 1)[1])
            if process != me:
                status, reason = json.loads(text)
                return _end(status, f"process {process}: {reason}")
    return None


def _end(status: int, text: str) -> None:
    if not _closing.is_set():
        print(f"error: {text}", file=sys.stderr, flush=True)
        os._exit(status)
