"""The compiled programs: replicas by `vmap`, steps by `scan`, over the devices as their mode has it.

Axes of what is fed, outermost first: devices [d], steps [k], replicas [r], examples of a device [n].
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.data.pipeline import Pipeline
from deepvision.errors import unknown
from deepvision.tasks.metrics import Metrics
from deepvision.tasks.task import Batch
from deepvision.train.parallel.devices import Devices, Feed
from deepvision.train.state import TrainState
from deepvision.train.step import EvalStep, TrainStep, unrolled_scan
from deepvision.types import Key

AHEAD = 2  # dispatches that a device may have before it: it does not wait, and a signal is heard soon


def over_replicas(function: Callable, in_axes: Sequence[int | None], replicas: int) -> Callable:
    """Maps a function over the replica axis of its arguments; a single replica is not mapped but taken out."""
    if replicas > 1:
        return jax.vmap(function, in_axes=tuple(in_axes))

    def single(*arguments: Any) -> Any:
        taken = [_take(a) if axis == 0 else a for a, axis in zip(arguments, in_axes, strict=True)]
        return jax.tree.map(lambda x: x[None], function(*taken))

    return single


def _take(tree: Any) -> Any:
    return jax.tree.map(lambda x: x[0], tree)


def compile_train(
    step: TrainStep, pipeline: Pipeline, devices: Devices, replicas: int, together: bool
) -> Callable[[TrainState, Any, Feed], tuple[TrainState, Metrics]]:
    """Returns `(state [r], resident, feed [d, k, r, n]) -> (state [r], metrics [k, r])`, the state donated.

    The replicas run `together` in one program, or one after another through a program for one.
    """

    def one(state: TrainState, resident: Any, feed: Any) -> tuple[TrainState, Metrics]:
        key = state.key()
        batch = _assembled(pipeline, resident, feed, jax.random.fold_in(key, 0))
        return step(state, batch, jax.random.fold_in(key, 1))

    replicated = over_replicas(one, (0, None, 0), replicas if together else 1)

    def every(state: TrainState, resident: Any, feed: Any) -> tuple[TrainState, Metrics]:
        params, model_state = devices.gather((state.params, state.model_state))
        new, metrics = replicated(state.replace(params=params, model_state=model_state), resident, feed)
        return devices.scatter(new), metrics

    def many(state: TrainState, resident: Any, feeds: Any) -> tuple[TrainState, Metrics]:
        return unrolled_scan(lambda carry, feed: every(carry, resident, feed), state, feeds)

    program = devices.compile(many, donate=True)

    def in_turn(state: TrainState, resident: Any, feed: Feed) -> tuple[TrainState, Metrics]:
        feeds = [jax.tree.map(lambda x, r=r: x[:, :, r : r + 1], feed) for r in range(replicas)]
        results = [program(s, resident, f) for s, f in zip(_split(state, replicas), feeds, strict=True)]
        states, metrics = zip(*results, strict=True)
        return _join(states, axis=0), _join(metrics, axis=1)

    return program if together or replicas == 1 else in_turn


def compile_eval(
    step: EvalStep, pipeline: Pipeline, devices: Devices, replicas: int, together: bool
) -> Callable[[Any, Any, Feed], Metrics]:
    """Returns `(variables [r], resident, feed [d, n]) -> metrics [r]`; all replicas see the same examples."""

    def one(variables: Any, resident: Any, feed: Any) -> Metrics:
        return step(variables, _assembled(pipeline, resident, feed, None))

    every = over_replicas(one, (0, None, None), replicas if together else 1)
    program = devices.compile(lambda variables, *data: every(devices.gather(variables), *data), donate=False)

    def in_turn(variables: Any, resident: Any, feed: Feed) -> Metrics:
        return _join([program(v, resident, feed) for v in _split(variables, replicas)], axis=0)

    return program if together or replicas == 1 else in_turn


def compile_ensemble(step: EvalStep, pipeline: Pipeline, devices: Devices) -> Callable[[Any, Any, Feed], Metrics]:
    """Returns `(variables [r], resident, feed [d, n]) -> metrics` of all replicas as one predictor."""

    def one(variables: Any, resident: Any, feed: Any) -> Metrics:
        return step(devices.gather(variables), _assembled(pipeline, resident, feed, None))

    return devices.compile(one, donate=False)


def run_together(mode: str) -> bool:
    """Returns whether replicas run in one program, for the config field `parallel.replicas`.

    "auto" is `vmap` on accelerators. On a CPU it is one after another: there, `vmap` turns the convolutions of several
    replicas into grouped ones, which run slower than one by one.
    """
    modes = {"auto": jax.default_backend() != "cpu", "vmap": True, "sequential": False}
    if mode not in modes:
        raise unknown("parallel.replicas", mode, modes)
    return modes[mode]


@functools.partial(jax.jit, static_argnums=1)
def _split(tree: Any, replicas: int) -> list[Any]:
    """Cuts the replica axis [r] into pieces of one."""
    return [jax.tree.map(lambda x, r=r: x[r : r + 1], tree) for r in range(replicas)]


@functools.partial(jax.jit, static_argnames="axis")
def _join(trees: Sequence[Any], axis: int) -> Any:
    """Puts pieces of one replica together again."""
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves, axis), *trees)


def _assembled(pipeline: Pipeline, resident: Any, feed: Any, key: Key | None) -> Batch:
    """Returns the batch of a feed, leaves [n]."""
    with jax.named_scope("data"):
        return pipeline.assemble(resident, feed, key, ops.places(jax.tree.leaves(feed)[0].shape[0]))


@functools.cache
def most_scan_steps() -> int:
    """Returns how many updates at most go into one dispatch where the user does not say: one on a CPU."""
    return 1 if jax.default_backend() == "cpu" else 50
