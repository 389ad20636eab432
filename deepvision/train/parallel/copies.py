"""`pmap`: every device holds a copy of the state and computes the step of its part of the batch. Only here."""

from __future__ import annotations

from typing import Any

import jax
import numpy as np

from deepvision import ops
from deepvision.train.parallel.devices import Devices, Feed, Program


class Copies(Devices):
    """Devices that each hold the whole state; inside the programs, `ops.BATCH_AXIS` is the axis of the devices."""

    def replicate(self, tree: Any) -> Any:
        mesh = jax.sharding.Mesh(np.asarray(self.here), (ops.BATCH_AXIS,))
        return jax.device_put(tree, jax.sharding.NamedSharding(mesh, jax.sharding.PartitionSpec()))

    def place(self, tree: Any) -> Any:
        return self.replicate(tree)

    def feed(self, feed: Feed, axis: int) -> Feed:
        def split(x: np.ndarray) -> np.ndarray:
            count = len(self.here)
            parts = x.reshape(*x.shape[:axis], count, x.shape[axis] // count, *x.shape[axis + 1 :])
            return np.moveaxis(parts, axis, 0)

        return jax.tree.map(split, feed)

    def compile(self, function: Program, donate: bool) -> Program:
        return jax.pmap(
            function,
            axis_name=ops.BATCH_AXIS,
            in_axes=(None, None, 0),
            out_axes=None,
            devices=list(self.all),
            donate_argnums=(0,) if donate else (),
        )

    def gather(self, tree: Any) -> Any:
        return tree

    def scatter(self, tree: Any) -> Any:
        return tree
