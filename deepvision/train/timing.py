"""How long a step takes, and what it needs: measured on a few steps."""

from __future__ import annotations

import dataclasses
import time

import jax

from deepvision.train import clock
from deepvision.train.agenda import Agenda
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.programs import Programs
from deepvision.train.state import TrainState


@dataclasses.dataclass(frozen=True)
class Timing:
    """Of a step of all replicas of an experiment."""

    seconds: float
    seconds_to_compile: float  # to the end of the first dispatch
    seconds_saved: float = 0.0  # of compilation in it, by programs that an earlier process had kept


def time_steps(experiment: Experiment, programs: Programs, dispatches: int = 3) -> Timing:
    """Runs the training step a few times on a state of its own; the fastest counts."""
    feeds, steps = replica_feeds(experiment, 0), _steps(experiment)
    state, seconds = _state(experiment, programs), []
    clock.listen()
    began = time.perf_counter()
    for _ in range(dispatches + 1):
        feed = dispatch(feeds, steps, programs.devices)
        started = time.perf_counter()
        state, metrics = programs.train(state, programs.resident, feed)
        jax.block_until_ready(metrics)
        seconds.append(time.perf_counter() - started)
    return Timing(min(seconds[1:]) / steps, seconds[0], clock.saved(began, began + seconds[0]))


def memory_mb(experiment: Experiment, programs: Programs) -> float:
    """Returns what the compiled training step takes of a device, in MiB: arguments, results and all in between."""
    feed = dispatch(replica_feeds(experiment, 0), _steps(experiment), programs.devices)
    compiled = programs.train.lower(_state(experiment, programs), programs.resident, feed).compile()
    analysis = compiled.memory_analysis()
    parts = (analysis.argument_size_in_bytes, analysis.output_size_in_bytes, analysis.temp_size_in_bytes)
    return (sum(parts) - analysis.alias_size_in_bytes) / 2**20


def _state(experiment: Experiment, programs: Programs) -> TrainState:
    return programs.devices.place(initial(experiment, programs.initialize).state)


def _steps(experiment: Experiment) -> int:
    return Agenda(experiment).dispatch(0)
