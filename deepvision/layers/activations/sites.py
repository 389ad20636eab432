"""From a choice to what stands at a site, and what initialization needs to know of it."""

from __future__ import annotations

import functools
import inspect
import math
from concurrent.futures import ThreadPoolExecutor
from fractions import Fraction

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from deepvision.choices import Choice
from deepvision.layers.activations.base import Activation
from deepvision.types import Array


class Elementwise(Activation):
    """The one module behind all entries that are plain functions."""

    choice: Choice

    def __call__(self, x: Array, train: bool) -> Array:
        return self.choice.entry(x, **dict(self.choice.arguments))


def make(choice: Choice, name: str | None = None) -> nn.Module:
    """Returns the module `(x, train) -> x` for a choice.

    Raises: UserError if an argument is outside its range.
    """
    if not inspect.isfunction(choice.entry):
        return choice(name=name)
    width(choice)  # a dry run, so that functions too refuse bad arguments here
    return Elementwise(choice, name=name)


def _apply(choice: Choice, x: Array) -> Array:
    """Applies a choice as it is when freshly initialized, in evaluation, outside of any network."""
    module = Elementwise(choice, parent=None) if inspect.isfunction(choice.entry) else choice(parent=None)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    return module.init_with_output(keys, x, train=False)[0]


@functools.cache
def width(choice: Choice) -> Fraction:
    """Returns how many channels come out per channel that goes in: 1, but for a few such as crelu (2)."""
    sizes = (value for _, value in choice.arguments if isinstance(value, int) and value > 0)
    channels = math.lcm(2, 3, 4, 5, *sizes)  # which any size of a group divides
    y = jax.eval_shape(functools.partial(_apply, choice), jax.ShapeDtypeStruct((1, channels), jnp.float32))
    return Fraction(y.shape[-1], channels)


@functools.cache
def gain(choice: Choice) -> float:
    """Returns E[f(z)^2]^(-1/2) for z ~ N(0, 1): kernels of variance gain^2 / fan_in keep the second moment at one.

    It is sqrt(2) for relu, as in He et al. 2015, equation 10.
    """
    return second_moment(choice, 1.0) ** -0.5


@functools.cache
def length_slope(choice: Choice) -> float:
    """Returns how a second moment that is off by one percent comes out of a layer initialized by `gain`, in percent.

    That is the slope at q = 1 of the length map q -> E[f(sqrt(q) z)^2] / E[f(z)^2]. Up to one, a second moment of one
    is kept through any depth; above, what is a little off moves away from it, layer by layer.
    Source: Poole et al. 2016, equation 3.
    """
    step = 0.01
    above, below = (second_moment(choice, math.sqrt(1 + change)) for change in (step, -step))
    return (above - below) / (2 * step * second_moment(choice, 1.0))


def second_moment(choice: Choice, deviation: float) -> float:
    """Returns E[f(z)^2] for z ~ N(0, deviation^2), by numerical integration."""
    channels = width(choice).denominator
    points, weights = _normal_grid(channels) if channels <= 2 else _normal_points(channels)
    with ThreadPoolExecutor(1) as outside:  # a network is often made while it is traced; a new thread traces nothing
        y = outside.submit(_apply, choice, deviation * points.astype(np.float32)).result()
    return float(weights @ np.mean(np.square(np.asarray(y, np.float64)), axis=-1))


def _normal_grid(channels: int) -> tuple[np.ndarray, np.ndarray]:
    """Returns points [n, channels] and weights [n] of the trapezoidal rule for the normal distribution.

    It is exact to 1e-10 for smooth functions, and unlike Gaussian quadrature does well on kinks and jumps.
    """
    line = np.linspace(-10, 10, {1: 2**14 + 1, 2: 2**9 + 1}[channels])
    points = np.stack(np.meshgrid(*[line] * channels), axis=-1).reshape(-1, channels)
    weights = np.exp(-0.5 * np.sum(points**2, axis=-1))
    return points, weights / weights.sum()


def _normal_points(channels: int, count: int = 2**16) -> tuple[np.ndarray, np.ndarray]:
    """Returns points [n, channels] that are spread as the normal distribution of many variables, and equal weights.

    They are a Kronecker sequence, whose integrals converge as 1 / n: in c dimensions, multiples of g^-1 ... g^-c modulo
    one, with g^(c + 1) = g + 1.
    """
    from scipy.special import ndtri  # slow to import

    root = 2.0
    for _ in range(50):
        root = (1 + root) ** (1 / (channels + 1))
    steps = root ** -np.arange(1.0, channels + 1)
    uniform = (0.5 + np.arange(1, count + 1)[:, None] * steps) % 1
    return ndtri(uniform), np.full(count, 1 / count)
