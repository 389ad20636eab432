"""Prints how far four devices that share a batch are from one device, for every norm over examples.

Run by `test_batch.py` in a process of its own, since the number of devices is set before jax starts.
"""

from __future__ import annotations

import json
from typing import Any

import jax
import numpy as np
from jax import lax

from deepvision.layers.norms import NORMS, BatchStatistics
from deepvision.ops import BATCH_AXIS
from tests.layers.norms.support import make, normal, random_variables, relative_error


def error(name: str) -> float:
    """Returns the largest deviation in y, gradients and running averages."""
    x, cotangent = normal((8, 3, 3, 4), dtype=np.float32), normal((8, 3, 3, 4), seed=1, dtype=np.float32)
    norm = make(name)
    variables = random_variables(norm, x)

    def run(x: Any, cotangent: Any) -> Any:
        def apply(params: Any, x: Any) -> Any:
            return norm.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])

        y, pull, updates = jax.vjp(apply, variables["params"], x, has_aux=True)
        d_params, d_x = pull(cotangent)
        return y, d_x, d_params, updates

    def run_on_device(x: Any, cotangent: Any) -> Any:
        y, d_x, d_params, updates = run(x, cotangent)
        return y, d_x, lax.psum(d_params, BATCH_AXIS), updates

    spread = jax.pmap(run_on_device, axis_name=BATCH_AXIS)
    y, d_x, *shared = spread(*(array.reshape(4, 2, *array.shape[1:]) for array in (x, cotangent)))
    single_y, single_d_x, *single = jax.jit(run)(x, cotangent)
    errors = [relative_error(y.reshape(x.shape), single_y), relative_error(d_x.reshape(x.shape), single_d_x)]
    pairs = zip(jax.tree.leaves(shared), jax.tree.leaves(single), strict=True)
    return max(errors + [relative_error(a[device], b) for a, b in pairs for device in range(4)])


if __name__ == "__main__":
    assert jax.device_count() == 4
    print(json.dumps({name: error(name) for name, norm in NORMS.items() if issubclass(norm, BatchStatistics)}))
