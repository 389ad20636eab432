"""`fsdp`: the state is cut over the devices, and one program sees their batches as one.

Between two steps a device holds its share of the parameters, of the optimizer's state and of the averages. In a step,
the parameters come together for the network, and each device updates its share. All sums and norms over the batch, a
tensor or all tensors are what they are on one device: XLA puts in what the devices have to tell each other.
Source: Rajbhandari et al. 2019 (1910.02054), section 5; Zhao et al. 2023 (2304.11277), section 3.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import jax
import numpy as np
from jax import lax
from jax.sharding import NamedSharding, PartitionSpec

from deepvision import ops
from deepvision.train.parallel.devices import Devices, Feed, Program

SMALL = 1024  # values; a leaf of fewer is whole on every device: to bring it together would cost more than it saves


class Shards(Devices):
    """Devices that each hold a part of the state."""

    def __init__(self, devices: Sequence[jax.Device]) -> None:
        super().__init__(devices)
        self._mesh = jax.sharding.Mesh(np.asarray(self.all), (ops.BATCH_AXIS,))
        self._whole = NamedSharding(self._mesh, PartitionSpec())

    def replicate(self, tree: Any) -> Any:
        return jax.tree.map(lambda x: _put(x, self._whole), tree)

    def place(self, tree: Any) -> Any:
        return jax.tree.map(lambda x: _put(x, self._share(x.shape)), tree)

    def feed(self, feed: Feed, axis: int) -> Any:
        """One run of examples, [1, ...], that of all devices."""
        cut = NamedSharding(self._mesh, PartitionSpec(*(None,) * (axis + 1), ops.BATCH_AXIS))
        return jax.tree.map(lambda x: jax.make_array_from_process_local_data(cut, x[None]), feed)

    def compile(self, function: Program, donate: bool) -> Program:
        def of_all(state: Any, resident: Any, feed: Any) -> Any:
            with jax.sharding.use_abstract_mesh(self._mesh.abstract_mesh):  # see `ops.examples_of_a_device`
                return function(state, resident, jax.tree.map(lambda x: x[0], feed))

        if donate:
            return jax.jit(of_all, donate_argnums=0, out_shardings=(None, self._whole))
        return jax.jit(of_all, out_shardings=self._whole)

    def gather(self, tree: Any) -> Any:
        return jax.tree.map(lambda x: lax.with_sharding_constraint(x, self._whole), tree)

    def scatter(self, tree: Any) -> Any:
        return jax.tree.map(lambda x: lax.with_sharding_constraint(x, self._share(x.shape)), tree)

    def compile_once(self, function: Callable) -> Callable:
        """The state is made in shares: whole, it may be more than a device holds."""
        compiled = super().compile_once(lambda *arguments: self.scatter(function(*arguments)))
        return lambda *arguments: compiled(*self.replicate(arguments))

    def _share(self, shape: tuple[int, ...]) -> NamedSharding:
        """Returns how a leaf [r, ...] is cut: along its longest axis, but that of replicas, that divides."""
        axes = [axis for axis in range(1, len(shape)) if shape[axis] % len(self.all) == 0]
        if not axes or math.prod(shape[1:]) < SMALL:
            return self._whole
        longest = max(axes, key=lambda axis: shape[axis])
        return NamedSharding(self._mesh, PartitionSpec(*(None,) * longest, ops.BATCH_AXIS))


def _put(x: Any, sharding: NamedSharding) -> jax.Array:
    """Puts an array that every process has, or that lies on the devices of all already."""
    spread = isinstance(x, jax.Array) and not x.is_fully_addressable
    if spread or sharding.is_fully_addressable:
        return jax.device_put(x, sharding)
    host = np.asarray(x)
    return jax.make_array_from_callback(host.shape, sharding, host.__getitem__)
