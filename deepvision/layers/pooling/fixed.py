"""Poolings without parameters."""

from __future__ import annotations

import math
from typing import ClassVar

import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_count, check_flag, check_number, check_one_of, check_positive
from deepvision.layers.pooling import window as windows
from deepvision.layers.pooling.base import Pool
from deepvision.types import Array


class MaxPool(Pool):
    """y = max over the window; the gradient goes to the first value that reaches it.

    Source: Riesenhuber & Poggio 1999; Ranzato et al. 2007.
    """

    word: ClassVar[str] = "max"

    def __call__(self, x: Array, train: bool) -> Array:
        return self.largest(x)


class AvgPool(Pool):
    """y = mean over the window.

    Attributes:
        count_include_pad: whether zeros of the padding count as values, or only the positions inside.
    Source: LeCun et al. 1989, "Handwritten digit recognition with a back-propagation network".
    """

    count_include_pad: bool = True

    word: ClassVar[str] = "avg"

    def check(self) -> None:
        check_flag(self.where, "count_include_pad", self.count_include_pad)

    def __call__(self, x: Array, train: bool) -> Array:
        wide = x.astype(ops.accumulation_dtype(x))
        return self.mean(wide, padded=self.count_include_pad).astype(x.dtype)


class SumPool(Pool):
    """y = sum over the window. No source."""

    word: ClassVar[str] = "sum"

    def __call__(self, x: Array, train: bool) -> Array:
        return self.total(x.astype(ops.accumulation_dtype(x))).astype(x.dtype)


class GaussianPool(Pool):
    """y = mean over the window, weighted by a Gaussian around its middle; padding counts as zero.

    The weights sum to one, those of the padding included.

    Attributes:
        sigma: standard deviation, as a share of the window's side, above 0.
    Source: Fukushima 1980, equation 8, of which it is one form: weights that decrease from the middle.
    """

    sigma: float = 0.25

    word: ClassVar[str] = "gaussian"

    def check(self) -> None:
        check_positive(self.where, "sigma", self.sigma)

    def __call__(self, x: Array, train: bool) -> Array:
        y = x.astype(ops.accumulation_dtype(x))
        for axis in reversed(ops.positions(x)):
            y = self._pool(y, axis)
        return y.astype(x.dtype)

    def _pool(self, x: Array, axis: int) -> Array:
        """Returns `x` pooled along one axis."""
        size = self.window.size if self.window else x.shape[axis]
        weights = ops.gaussian_window(size, self.sigma * size)
        if self.window is None:
            weights = jnp.asarray(weights, x.dtype)
            return jnp.tensordot(x, weights, (axis, 0), precision=jax.lax.Precision.HIGHEST)
        pads = self.window.pads(x.shape[axis], self._site)
        x = jnp.pad(x, [pads if a == axis else (0, 0) for a in range(x.ndim)])
        shifted = windows.views(x, (axis,), size, self.window.step)
        return windows.total([weight * view for weight, view in zip(weights.tolist(), shifted, strict=True)])


class LpPool(Pool):
    """y = (sum over the window of |x|^p)^(1/p), with gradient 0 where all of the window is 0.

    Attributes:
        p: of the norm, at least 1: 1 sums the moduli, and for large p the largest remains.
    Source: Sermanet et al. 2012, equation 1.
    """

    p: float = 2.0

    word: ClassVar[str] = "lp"

    def check(self) -> None:
        check_number(self.where, "p", self.p, 1)

    def __call__(self, x: Array, train: bool) -> Array:
        moduli = jnp.abs(x.astype(ops.accumulation_dtype(x)))
        return _power(self.total(_power(moduli, self.p)), 1 / self.p).astype(x.dtype)


def _power(x: Array, exponent: float) -> Array:
    """Returns x^exponent for x >= 0, with gradient 0 at 0.

    Whole powers are products; others go by logarithms, which on a CPU are much faster than `pow`.
    """
    if float(exponent).is_integer():
        return x ** int(exponent)
    zero = x == 0
    safe = jnp.where(zero, 1, x)
    return jnp.where(zero, 0, jnp.sqrt(safe) if exponent == 0.5 else jnp.exp(exponent * jnp.log(safe)))


class BlurPool(Pool):
    """y = blur(max or mean over the window at stride 1) at the window's stride: anti-aliased pooling.

    The blur is binomial, [1 2 1] / 4 per axis for three taps, with the plane mirrored at its borders. Over a whole
    plane there is nothing to subsample, and the maximum or mean is all. A window of one position blurs and subsamples.

    Attributes:
        filter_size: taps of the blur per axis, at least 1.
        before: "max" or "avg".
    Source: Zhang 2019, "Making convolutional networks shift-invariant again", section 3.
    """

    filter_size: int = 3
    before: str = "max"

    word: ClassVar[str] = "blur"

    def check(self) -> None:
        check_count(self.where, "filter_size", self.filter_size)
        check_one_of(self.where, "before", self.before, ("max", "avg"))

    def __call__(self, x: Array, train: bool) -> Array:
        wide = x.astype(ops.accumulation_dtype(x))
        if self.window is None:
            return (self.largest(wide) if self.before == "max" else self.mean(wide)).astype(x.dtype)
        return self._blur(self._dense(wide)).astype(x.dtype)

    def _dense(self, x: Array) -> Array:
        """Returns the maximum or mean of the windows at every position."""
        if self.before == "max":
            return self.slide(x, -jnp.inf, windows.largest, step=1)
        return self.slide(x, 0.0, windows.total, step=1) / self.count(x, step=1)

    def _blur(self, x: Array) -> Array:
        """Returns every stride-th position of the blurred plane."""
        taps = [math.comb(self.filter_size - 1, i) / 2 ** (self.filter_size - 1) for i in range(self.filter_size)]
        pads = ((self.filter_size - 1) // 2, self.filter_size // 2)
        for axis in ops.positions(x):
            x = jnp.pad(x, [pads if a == axis else (0, 0) for a in range(x.ndim)], mode="reflect")
            shifted = windows.views(x, (axis,), self.filter_size, self.window.step)
            x = windows.total([tap * view for tap, view in zip(taps, shifted, strict=True)])
        return x


class StochasticPool(Pool):
    """y = one value of the window, drawn with chance p_i = x_i / sum_j x_j; in evaluation y = sum_i p_i x_i.

    Values below zero have no chance; where none is above it, all have the same. What is drawn comes from the stream
    `dropout`, per example, from its place in the global batch.
    Source: Zeiler & Fergus 2013, equations 4-6.
    """

    word: ClassVar[str] = "stochastic"

    def __call__(self, x: Array, train: bool) -> Array:
        values = self.stacked(x.astype(ops.accumulation_dtype(x)), 0.0)
        real = self.stacked(jnp.ones((1, *x.shape[1:-1], 1), values.dtype), 0.0)
        weights = jax.nn.relu(values)
        weights = jnp.where(jnp.any(weights > 0, axis=1, keepdims=True), weights, real)
        y = self._draw(values, weights) if train else jnp.sum(weights * values, axis=1) / jnp.sum(weights, axis=1)
        return y.astype(x.dtype)

    def _draw(self, values: Array, weights: Array) -> Array:
        edges = jnp.cumsum(weights, axis=1)
        keys = ops.example_keys(self.make_rng("dropout"), values.shape[0])
        coins = jax.vmap(lambda key: jax.random.uniform(key, values.shape[2:]))(keys)
        place = jnp.sum(edges <= (coins * edges[:, -1])[:, None], axis=1, keepdims=True)
        places = jnp.arange(values.shape[1]).reshape(1, -1, *(1,) * (values.ndim - 2))
        return jnp.sum(jnp.where(place == places, values, 0), axis=1)
