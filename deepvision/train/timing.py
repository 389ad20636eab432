"""How long a step takes, and what it needs: measured on a few steps."""

from __future__ import annotations

import dataclasses
import itertools
import time

import jax

from deepvision.train import parallel
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.loop import replica_feeds, scan_steps, stack
from deepvision.train.programs import Programs


@dataclasses.dataclass(frozen=True)
class Timing:
    """Of a step of all replicas of an experiment."""

    seconds: float
    seconds_to_compile: float  # to the end of the first dispatch


def time_steps(experiment: Experiment, programs: Programs, dispatches: int = 3) -> Timing:
    """Runs the training step a few times on a state of its own; the fastest counts."""
    state, feeds, steps = prepare(experiment, programs)
    seconds = []
    for feed in itertools.islice(feeds, dispatches + 1):
        started = time.perf_counter()
        state, metrics = programs.train(state, programs.resident, feed)
        jax.block_until_ready(metrics)
        seconds.append(time.perf_counter() - started)
    return Timing(min(seconds[1:]) / steps, seconds[0])


def memory_mb(experiment: Experiment, programs: Programs) -> float:
    """Returns what the compiled training step takes of a device, in MiB: arguments, results and all in between."""
    state, feeds, _ = prepare(experiment, programs)
    analysis = programs.train.lower(state, programs.resident, next(feeds)).compile().memory_analysis()
    parts = (analysis.argument_size_in_bytes, analysis.output_size_in_bytes, analysis.temp_size_in_bytes)
    return (sum(parts) - analysis.alias_size_in_bytes) / 2**20


def prepare(experiment: Experiment, programs: Programs) -> tuple:
    """Returns the initial state, the feeds of dispatches, and how many steps are in each."""
    state = parallel.replicate(initial(experiment, programs.initialize).state, programs.devices)
    singles, steps = replica_feeds(experiment, 0), min(scan_steps(experiment), experiment.total_steps)

    def dispatch() -> parallel.Feed:
        return parallel.split_over_devices(stack(itertools.islice(singles, steps)), len(programs.devices), axis=2)

    return state, iter(dispatch, None), steps
