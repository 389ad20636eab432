"""Pooling: a module `(x, train) -> x` over windows of the positions, or over the whole plane where `window` is None.

Windows may overlap (stride < window); `ceil` adds a last window where the stride leaves positions over.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.errors import UserError
from deepvision.types import Array


@dataclasses.dataclass(frozen=True)
class Window:
    """The geometry of a pooling, in positions.

    Attributes:
        size: side of the square window.
        stride: distance between windows; None: the size, so that they touch.
        padding: positions added on each side.
        ceil: whether a last window may begin inside and end outside the plane.
    """

    size: int
    stride: int | None = None
    padding: int = 0
    ceil: bool = False

    @property
    def step(self) -> int:
        return self.stride or self.size

    def pads(self, length: int, where: str) -> tuple[int, int]:
        """Returns the positions added before and behind an axis of the given length."""
        span = length + 2 * self.padding - self.size
        if span < 0:
            raise UserError(f"{where}: a window of {self.size} does not fit {length} positions; use larger images")
        if not self.ceil:
            return self.padding, self.padding
        windows = -(-span // self.step) + 1
        if (windows - 1) * self.step >= length + self.padding:  # such a window would begin in the padding
            windows -= 1
        return self.padding, self.padding + max((windows - 1) * self.step - span, 0)


class Pool(nn.Module):
    """What the poolings share.

    Attributes:
        window: the geometry, set by the site; None pools each whole plane to one position, [n, c].
    """

    window: Window | None = None

    site_arguments: ClassVar[tuple[str, ...]] = ("window",)

    def positions(self, x: Array) -> tuple[int, ...]:
        """Returns the axes pooled over: all but examples and channels."""
        return tuple(range(1, x.ndim - 1))

    def size(self, x: Array) -> int:
        """Returns how many positions a window holds."""
        positions = self.positions(x)
        return math.prod(self.window.size if self.window else x.shape[axis] for axis in positions)

    def reduce(self, x: Array, initial: float, function: Callable[[Array, Array], Array]) -> Array:
        """Reduces every window of `x` [n, ..., c] by a `lax` function, padding counting as `initial`."""
        where = f"pooling at {'/'.join(self.path)}"
        pads = [self.window.pads(x.shape[axis], where) for axis in self.positions(x)]
        window = (1, *(self.window.size for _ in pads), 1)
        strides = (1, *(self.window.step for _ in pads), 1)
        return lax.reduce_window(x, initial, function, window, strides, [(0, 0), *pads, (0, 0)])


class MaxPool(Pool):
    """The largest value of each window."""

    def __call__(self, x: Array, train: bool) -> Array:
        if self.window is None:
            return jnp.max(x, axis=self.positions(x))
        return self.reduce(x, -jnp.inf, lax.max)


class AvgPool(Pool):
    """The mean of each window.

    Attributes:
        count_include_pad: divide by the window's size even where it holds padding, or by the positions inside.
    """

    count_include_pad: bool = True

    def __call__(self, x: Array, train: bool) -> Array:
        if self.window is None:
            wide = x.astype(ops.accumulation_dtype(x))
            return jnp.mean(wide, axis=self.positions(x)).astype(x.dtype)
        return self.reduce(x, 0.0, lax.add) / self._counts(x)

    def _counts(self, x: Array) -> Array | int:
        """Returns how many positions each window divides by: one number, or [1, h', w', 1] where they differ."""
        padding = self.window.padding
        if not self.window.ceil and (self.count_include_pad or not padding):
            return self.size(x)
        plane = jnp.ones((1, *x.shape[1:-1], 1), x.dtype)
        if not self.count_include_pad:
            return self.reduce(plane, 0.0, lax.add)
        pads = [(0, 0), *((padding, padding) for _ in self.positions(x)), (0, 0)]
        inside = self.clone(window=dataclasses.replace(self.window, padding=0), parent=None)
        return inside.reduce(jnp.pad(plane, pads, constant_values=1), 0.0, lax.add)


class SubsamplingPool(Pool):
    """y_c = scale_c sum(window) + bias_c, with two learned numbers per map. Source: LeCun et al. 1998, section II.B."""

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        total = jnp.sum(x, axis=self.positions(x)) if self.window is None else self.reduce(x, 0.0, lax.add)
        scale = self.param("scale", nn.initializers.constant(1 / self.size(x)), x.shape[-1:])
        bias = self.param("bias", nn.initializers.zeros, x.shape[-1:])
        return total * scale.astype(x.dtype) + bias.astype(x.dtype)


POOLINGS = {
    "max": MaxPool,
    "avg": AvgPool,
    "subsampling": SubsamplingPool,
}
