"""What the tests of the weight parameterizations share."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import numpy as np

from deepvision.layers.kernels import Parameterization
from deepvision.layers.layers import BoundLayers, Layers
from deepvision.types import Array, Shape

# kind of layer -> (how it is made, shape of its input). Each has more weights in a filter than outputs, or fewer.
LAYERS = {
    "conv": (lambda L: L.conv(5, 3, name="layer"), (2, 6, 5, 4)),
    "wide conv": (lambda L: L.conv(12, 1, name="layer"), (2, 6, 5, 4)),
    "grouped": (lambda L: L.conv(6, 3, groups=2, name="layer"), (2, 6, 5, 4)),
    "wide grouped": (lambda L: L.conv(12, 1, groups=2, name="layer"), (2, 6, 5, 4)),
    "depthwise": (lambda L: L.conv(4, 3, groups=4, name="layer"), (2, 6, 5, 4)),
    "transposed": (lambda L: L.conv_transpose(6, 4, 2, padding=1, name="layer"), (2, 3, 2, 4)),
    "grouped transposed": (lambda L: L.conv_transpose(6, 2, 2, groups=2, name="layer"), (2, 3, 2, 4)),
    "dense": (lambda L: L.dense(5, name="layer"), (2, 3, 7)),
    "wide dense": (lambda L: L.dense(9, name="layer"), (2, 3, 7)),
}
GROUPS = {"grouped": 2, "wide grouped": 2, "depthwise": 4, "grouped transposed": 2}
SHAPES = {  # of their kernels
    "conv": (3, 3, 4, 5),
    "wide conv": (1, 1, 4, 12),
    "grouped": (3, 3, 2, 6),
    "wide grouped": (1, 1, 2, 12),
    "depthwise": (3, 3, 1, 4),
    "transposed": (4, 4, 4, 6),
    "grouped transposed": (2, 2, 2, 6),
    "dense": (7, 5),
    "wide dense": (7, 9),
}


class Reader(nn.Module):
    """A layer that returns the kernel it reads."""

    parameterization: Parameterization
    shape: Shape

    @nn.compact
    def __call__(self, train: bool = False) -> Array:
        return self.parameterization(self, "kernel", self.shape, nn.initializers.normal(), train)


def bound(kernel: str, train: bool = False, dtype: str | None = None) -> BoundLayers:
    return Layers(norm="none", act="relu", kernel=kernel, init="lecun_normal", dtype=dtype).bind(train)


def make(kind: str, kernel: str, train: bool = False, dtype: str | None = None) -> tuple[nn.Module, Shape]:
    """Returns a layer of the kind, and the shape of its input."""
    layer, shape = LAYERS[kind]
    return layer(bound(kernel, train, dtype)), shape


def read(parameterization: Parameterization, v: Any, train: bool = False, **state: Any) -> Array:
    """Returns the kernel as read right after `v` was given as the initial values."""
    reader = Reader(parameterization, v.shape)
    made = reader.init(jax.random.key(0))
    params = {**made["params"], "kernel": v}
    if "kernel_gain" in params and "kernel_gain" in state:
        params["kernel_gain"] = state["kernel_gain"]
    return reader.apply({**made, "params": params}, train, mutable=["batch_stats"])[0]


def fresh(parameterization: Parameterization, v: Array) -> dict[str, Any]:
    """Returns the variables of a layer whose learned array starts as `v`."""

    class Started(Reader):
        @nn.compact
        def __call__(self, train: bool = False) -> Array:
            return self.parameterization(self, "kernel", self.shape, lambda *_: v, train)

    return Started(parameterization, v.shape).init(jax.random.key(0))


def kernel_of(parameterization: Parameterization, variables: dict[str, Any], train: bool = False) -> Array:
    """Returns the kernel that is read from the variables."""
    shape = variables["params"]["kernel"].shape
    return Reader(parameterization, shape).apply(variables, train, mutable=["batch_stats"])[0]


def normal(shape: Shape, seed: int = 0, dtype: Any = np.float64) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape).astype(dtype)


def matrix(kernel: Array) -> np.ndarray:
    """Views a kernel as [filter, outputs]."""
    return np.asarray(kernel).reshape(-1, kernel.shape[-1])


def relative_error(value: Any, expected: Any) -> float:
    """Returns the largest deviation, as a part of the largest expected value."""
    value, expected = np.asarray(value, np.float64), np.asarray(expected, np.float64)
    assert value.shape == expected.shape
    return float(np.max(np.abs(value - expected)) / np.max(np.abs(expected)))
