"""What all poolings share: sums, maxima and counts over windows, or over the whole plane."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp
import numpy as np

from deepvision import ops
from deepvision.layers.pooling import window as windows
from deepvision.layers.pooling.window import Window
from deepvision.types import Array


class Pool(nn.Module):
    """A pooling, `(x, train) -> x`: [n, ..., c] -> [n, ..., c] over windows, or -> [n, c] over the whole plane.

    Attributes:
        window: the geometry, set by the site; None pools each whole plane to one position.
    Raises: UserError, when it is made, if an argument is outside its range.
    """

    window: Window | None = None

    site_arguments: ClassVar[tuple[str, ...]] = ("window",)
    word: ClassVar[str]  # its name in the table

    def __post_init__(self) -> None:
        self.check()
        super().__post_init__()

    def check(self) -> None:
        """Raises UserError if an argument is outside its range."""

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"pooling {self.word!r}"

    def total(self, x: Array) -> Array:
        """Returns the sum of each window, padding counting as zero."""
        if self.window is None:
            return jnp.sum(x, axis=ops.positions(x))
        return self.slide(x, 0.0, windows.total)

    def largest(self, x: Array) -> Array:
        """Returns the largest value of each window; padding is never it."""
        if self.window is None:
            return jnp.max(x, axis=ops.positions(x))
        return self.slide(x, -jnp.inf, windows.largest)

    def mean(self, x: Array, padded: bool = False) -> Array:
        """Returns the mean of each window: of its real positions, or with the zeros of the padding if `padded`."""
        return self.total(x) / self.count(x, padded)

    def slide(self, x: Array, fill: float, combine: Callable[[list[Array]], Array], step: int | None = None) -> Array:
        """Reduces every window, padding counting as `fill`; `step` stands in for the window's own."""
        pads = [self.window.pads(x.shape[axis], self._site) for axis in ops.positions(x)]
        if any(map(any, pads)):
            x = jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
        return windows.slide(x, ops.positions(x), self.window.size, step or self.window.step, combine)

    def count(self, x: Array, padded: bool = False, step: int | None = None) -> Array | int:
        """Returns how many positions are in each window, as [1, ..., 1] in the type of `x`."""
        lengths = x.shape[1:-1]
        if self.window is None:
            return math.prod(lengths)
        step = step or self.window.step
        counts = [self.window.counts(length, self._site, step, padded) for length in lengths]
        plane = math.prod(np.ix_(*counts)) if counts else np.ones(())
        return jnp.asarray(plane[None, ..., None], x.dtype)

    def stacked(self, x: Array, fill: float) -> Array:
        """Returns the values of every window side by side, [n, values, ..., c]; [n, values, c] over whole planes."""
        if self.window is None:
            return x.reshape(x.shape[0], -1, x.shape[-1])
        pads = [self.window.pads(length, self._site) for length in x.shape[1:-1]]
        x = jnp.pad(x, [(0, 0), *pads, (0, 0)], constant_values=fill)
        return jnp.stack(windows.views(x, ops.positions(x), self.window.size, self.window.step), axis=1)

    @property
    def _site(self) -> str:
        return f"pooling at {'/'.join(self.path)}"
