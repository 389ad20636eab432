"""What the tests of the weight parameterizations share."""

from __future__ import annotations

from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from deepvision.layers.bound import BoundLayers
from deepvision.layers.kernels import Parameterization
from deepvision.layers.layers import Layers
from deepvision.types import Array, Initializer, Shape

# kind of layer -> (how it is made, shape of its input). Each has more weights in a filter than outputs, or fewer.
LAYERS = {
    "conv": (lambda L: L.conv(5, 3, name="layer"), (2, 6, 5, 4)),
    "grouped": (lambda L: L.conv(6, 3, groups=2, name="layer"), (2, 6, 5, 4)),
    "wide grouped": (lambda L: L.conv(12, 1, groups=2, name="layer"), (2, 6, 5, 4)),
    "depthwise": (lambda L: L.conv(4, 3, groups=4, name="layer"), (2, 6, 5, 4)),
    "transposed": (lambda L: L.conv_transpose(6, 4, 2, padding=1, name="layer"), (2, 3, 2, 4)),
    "dense": (lambda L: L.dense(5, name="layer"), (2, 3, 7)),
    "wide dense": (lambda L: L.dense(9, name="layer"), (2, 3, 7)),
}
GROUPS = {"grouped": 2, "wide grouped": 2, "depthwise": 4}
SHAPES = {  # of their kernels
    "conv": (3, 3, 4, 5),
    "grouped": (3, 3, 2, 6),
    "wide grouped": (1, 1, 2, 12),
    "depthwise": (3, 3, 1, 4),
    "transposed": (4, 4, 4, 6),
    "dense": (7, 5),
    "wide dense": (7, 9),
}


class Reader(nn.Module):
    """A layer that returns the kernel it reads."""

    parameterization: Parameterization
    shape: Shape
    kernel_init: Initializer = nn.initializers.lecun_normal()

    @nn.compact
    def __call__(self, train: bool = False) -> Array:
        return self.parameterization(self, "kernel", self.shape, self.kernel_init, train)


def bound(kernel: str, train: bool = False, dtype: str | None = None) -> BoundLayers:
    return Layers(norm="none", act="relu", kernel=kernel, init="lecun_normal", dtype=dtype).bind(train)


def make(kind: str, kernel: str, train: bool = False, dtype: str | None = None) -> tuple[nn.Module, Shape]:
    """Returns a layer of the kind, and the shape of its input."""
    layer, shape = LAYERS[kind]
    return layer(bound(kernel, train, dtype)), shape


def fresh(parameterization: Parameterization, v: Array) -> dict[str, Any]:
    """Returns the initial variables of a layer whose learned array starts as `v`."""
    return Reader(parameterization, v.shape, lambda *_: jnp.asarray(v)).init(jax.random.key(0))


def read(parameterization: Parameterization, variables: dict[str, Any], train: bool = False) -> tuple[Array, Any]:
    """Returns the kernel that is read from the variables, and the collections that it moved on."""
    reader = Reader(parameterization, variables["params"]["kernel"].shape)
    return reader.apply(variables, train, mutable=["batch_stats"])


def matrix(kernel: Array) -> np.ndarray:
    """Views a kernel as [filter, outputs]."""
    return np.asarray(kernel).reshape(-1, kernel.shape[-1])
