"""A batch spread over devices, without any."""

from __future__ import annotations

from collections.abc import Callable

import jax

from deepvision import ops


def spread(function: Callable[[jax.Array], jax.Array], x: jax.Array, devices: int) -> jax.Array:
    """Returns `function` of every device's part of the batch, put together again."""
    parts = x.reshape(devices, -1, *x.shape[1:])
    y = jax.vmap(function, axis_name=ops.BATCH_AXIS)(parts)
    return y.reshape(-1, *y.shape[2:])
