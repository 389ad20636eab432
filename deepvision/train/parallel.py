"""From the pure step to the compiled program: replicas by `vmap`, steps by `scan`, devices by `pmap`. Only here.

Axes of what is fed, outermost first: devices [d], steps [k], replicas [r], examples of a device [n].
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision import ops
from deepvision.data.pipeline import Part, Pipeline
from deepvision.errors import UserError, unknown
from deepvision.tasks.metrics import Metrics
from deepvision.train import distributed
from deepvision.train.state import TrainState
from deepvision.train.step import EvalStep, TrainStep, unrolled_scan

Feed = dict[str, np.ndarray]
AHEAD = 2  # dispatches that a device may have before it: it does not wait, and a signal is heard soon


def pick_devices(count: int, batch_size: int) -> list[jax.Device]:
    """Returns the first `count` devices of every process (0: all), of which the batch must be a multiple.

    They stand in the order of the processes, and so does what each feeds of the batch.
    """
    devices = sorted(jax.devices(), key=lambda device: (device.process_index, device.id))
    by_process = [[d for d in devices if d.process_index == process] for process in range(distributed.count())]
    fewest = min(map(len, by_process))
    if count > fewest:
        raise UserError(f"parallel.devices = {count}, but there are {fewest} in a process: {by_process[0]}")
    if not count and fewest < max(map(len, by_process)):
        numbers = [len(of_one) for of_one in by_process]
        raise UserError(f"the processes have different numbers of devices, {numbers}: set parallel.devices")
    devices = [device for of_one in by_process for device in of_one[: count or fewest]]
    if batch_size % len(devices):
        raise UserError(f"a batch of {batch_size} does not divide over {len(devices)} devices")
    return devices


def here(devices: Sequence[jax.Device]) -> int:
    """Returns how many of these devices are of this process."""
    return len(_local(devices))


def part() -> Part:
    """Returns which part of every batch this process feeds."""
    return Part(jax.process_index(), distributed.count())


def _local(devices: Sequence[jax.Device]) -> list[jax.Device]:
    return [device for device in devices if device.process_index == jax.process_index()]


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


def over_devices(
    function: Callable, in_axes: Sequence[int | None], devices: Sequence[jax.Device], donate: bool
) -> Callable:
    """Maps a function over devices; what it returns must be the same on all, and comes back without a device axis."""
    return jax.pmap(
        function,
        axis_name=ops.BATCH_AXIS,
        in_axes=tuple(in_axes),
        out_axes=None,
        devices=list(devices),
        donate_argnums=(0,) if donate else (),
    )


def compile_train(
    step: TrainStep, pipeline: Pipeline, devices: Sequence[jax.Device], replicas: int, together: bool
) -> Callable[[TrainState, Any, Feed], tuple[TrainState, Metrics]]:
    """Returns `(state [r], resident, feed [d, k, r, n]) -> (state [r], metrics [k, r])`, the state donated.

    The replicas run `together` in one program, or one after another through a program for one.
    """

    def one(state: TrainState, resident: Any, feed: Any) -> tuple[TrainState, Metrics]:
        key = state.key()
        batch = pipeline.assemble(resident, feed, jax.random.fold_in(key, 0), _positions(feed))
        return step(state, batch, jax.random.fold_in(key, 1))

    every = over_replicas(one, (0, None, 0), replicas if together else 1)

    def many(state: TrainState, resident: Any, feeds: Any) -> tuple[TrainState, Metrics]:
        return unrolled_scan(lambda carry, feed: every(carry, resident, feed), state, feeds)

    program = over_devices(many, (None, None, 0), devices, donate=True)

    def in_turn(state: TrainState, resident: Any, feed: Feed) -> tuple[TrainState, Metrics]:
        feeds = [jax.tree.map(lambda x, r=r: x[:, :, r : r + 1], feed) for r in range(replicas)]
        results = [program(s, resident, f) for s, f in zip(_split(state, replicas), feeds, strict=True)]
        states, metrics = zip(*results, strict=True)
        return _join(states, axis=0), _join(metrics, axis=1)

    return program if together or replicas == 1 else in_turn


def compile_eval(
    step: EvalStep, pipeline: Pipeline, devices: Sequence[jax.Device], replicas: int, together: bool
) -> Callable[[Any, Any, Feed], Metrics]:
    """Returns `(variables [r], resident, feed [d, n]) -> metrics [r]`; all replicas see the same examples."""

    def one(variables: Any, resident: Any, feed: Any) -> Metrics:
        return step(variables, pipeline.assemble(resident, feed, None, _positions(feed)))

    every = over_replicas(one, (0, None, None), replicas if together else 1)
    program = over_devices(every, (None, None, 0), devices, donate=False)

    def in_turn(variables: Any, resident: Any, feed: Feed) -> Metrics:
        return _join([program(v, resident, feed) for v in _split(variables, replicas)], axis=0)

    return program if together or replicas == 1 else in_turn


def compile_ensemble(
    step: EvalStep, pipeline: Pipeline, devices: Sequence[jax.Device]
) -> Callable[[Any, Any, Feed], Metrics]:
    """Returns `(variables [r], resident, feed [d, n]) -> metrics` of all replicas as one predictor."""

    def one(variables: Any, resident: Any, feed: Any) -> Metrics:
        return step(variables, pipeline.assemble(resident, feed, None, _positions(feed)))

    return over_devices(one, (None, None, 0), devices, donate=False)


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


def _positions(feed: Any) -> jax.Array:
    """Returns the places of this device's examples in the global batch, [n]."""
    count = jax.tree.leaves(feed)[0].shape[0]
    return lax.axis_index(ops.BATCH_AXIS) * count + jnp.arange(count)


def split_over_devices(feed: Feed, devices: int, axis: int) -> Feed:
    """Cuts the examples (at `axis`) into equal runs, one per device of this process, and puts the devices in front."""

    def split(x: np.ndarray) -> np.ndarray:
        parts = x.reshape(*x.shape[:axis], devices, x.shape[axis] // devices, *x.shape[axis + 1 :])
        return np.moveaxis(parts, axis, 0)

    return jax.tree.map(split, feed)


def replicate(tree: Any, devices: Sequence[jax.Device]) -> Any:
    """Puts a tree on every device of this process, as the compiled programs return it."""
    mesh = jax.sharding.Mesh(np.asarray(_local(devices)), (ops.BATCH_AXIS,))
    return jax.device_put(tree, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))


def to_host(tree: Any) -> Any:
    """Returns a copy in host memory that no later step can overwrite."""
    return jax.tree.map(lambda x: np.array(x.addressable_shards[0].data, copy=True), tree)


@functools.cache
def default_scan_steps() -> int:
    """Returns how many updates go into one dispatch where the user does not say: one on a CPU."""
    return 1 if jax.default_backend() == "cpu" else 50
