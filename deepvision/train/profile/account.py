"""Accounts: at every moment of a device, one or several operations run, or none does."""

from __future__ import annotations

import collections
from collections.abc import Hashable, Iterable, Sequence
from typing import NamedTuple, TypeVar

Key = TypeVar("Key", bound=Hashable)


class Interval(NamedTuple):
    """A time, in nanoseconds."""

    start: float
    end: float


def union(intervals: Iterable[Interval]) -> list[Interval]:
    """Returns the moments that lie in any of the intervals, as intervals that do not touch, in order."""
    joined: list[Interval] = []
    for start, end in sorted(interval for interval in intervals if interval.end > interval.start):
        if joined and start <= joined[-1].end:
            joined[-1] = Interval(joined[-1].start, max(end, joined[-1].end))
        else:
            joined.append(Interval(start, end))
    return joined


def covered(intervals: Iterable[Interval]) -> float:
    """Returns how long at least one of the intervals lasts."""
    return sum(end - start for start, end in union(intervals))


def clipped(interval: Interval, window: Interval) -> Interval:
    """Returns what of an interval lies in a window."""
    return Interval(max(interval.start, window.start), min(interval.end, window.end))


def attributed(runs: Sequence[tuple[Interval, Key, bool]]) -> dict[Key, float]:
    """Returns how much time each operation has, so that all have together what `covered` says.

    Operations that run at the same time share it equally. A loop or a call, which lasts as long as what is in it, has
    the moments in which nothing else runs.

    Args:
        runs: when an operation ran, which one, and whether it holds others.
    """
    edges = sorted(
        (time, begins, key, holds)
        for (start, end), key, holds in runs
        if end > start
        for time, begins in ((start, True), (end, False))
    )
    sums: dict[Key, float] = collections.defaultdict(float)
    running = {False: collections.Counter[Key](), True: collections.Counter[Key]()}  # what holds others, and the rest
    last = 0.0
    for time, begins, key, holds in edges:
        shares = running[False] or running[True]
        for other, times in shares.items() if time > last else ():
            sums[other] += (time - last) * times / shares.total()
        last = time
        if begins:
            running[holds][key] += 1
        elif running[holds][key] > 1:
            running[holds][key] -= 1
        else:
            del running[holds][key]
    return dict(sums)
