"""Boundaries: the places between two dispatches at which a run may stop, the same one on every process."""

from __future__ import annotations

import threading

from deepvision.train import distributed, interruption

_TOPIC = "boundary"


class Boundary:
    """Counts the boundaries that this process comes to, and decides at which one all stop.

    All processes come to the same boundaries, though not at the same time. When one is asked to stop, each says to
    which it comes next, and all go on to the greatest number said: nobody is beyond that. A process says so at its next
    boundary, or the thread that listens to the others does, since it may be waiting for what they have not done yet.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._passed, self._said = 0, False
        distributed.when_asked_to_stop(self._say)

    def stops(self) -> bool:
        """Tells, at each boundary once, whether to stop there."""
        if interruption.requested():
            self._say()
        with self._lock:
            self._passed += 1
            number, said = self._passed, self._said
        return said and number >= distributed.greatest(_TOPIC)

    def close(self) -> None:
        """Tells the others that no more boundaries come: who is asked from now on goes on to the end as well."""
        self._say()

    def _say(self) -> None:
        with self._lock:
            if not self._said:
                self._said = True
                distributed.say(_TOPIC, self._passed + 1)
