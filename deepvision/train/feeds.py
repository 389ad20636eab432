"""What the compiled step is fed: the batches of all replicas, several steps in one dispatch, cut over devices."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator
from typing import Any

import numpy as np

from deepvision.train import parallel
from deepvision.train.experiment import Experiment


def replica_feeds(experiment: Experiment, step: int) -> Iterator[parallel.Feed]:
    """Yields what one step of all replicas is fed, leaves [r, n]; a seed is read once, however many have it.

    Of several processes, each reads its own part of the batch.
    """
    streams = {seed: experiment.train.feed(seed, step, parallel.part()) for seed in dict.fromkeys(experiment.seeds)}
    while True:
        feeds = {seed: next(stream) for seed, stream in streams.items()}
        yield _stack([feeds[seed] for seed in experiment.seeds])


def dispatch(feeds: Iterator[parallel.Feed], steps: int, devices: parallel.Devices) -> Any:
    """Returns the next so many steps as one feed, leaves [d, k, r, n]."""
    return devices.feed(_stack(itertools.islice(feeds, steps)), axis=2)


def _stack(feeds: Iterable[parallel.Feed]) -> parallel.Feed:
    feeds = list(feeds)
    return {name: np.stack([feed[name] for feed in feeds]) for name in feeds[0]}
