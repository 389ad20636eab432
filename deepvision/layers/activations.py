"""Activations. A function of the input and its arguments, or a module `(x, train) -> x` where something is learned.

Nearly all keep the shape of their input; `width` tells of the others. `gain` says by what factor the deviation of a unit normal input must be
multiplied behind the activation to be one again; initialization uses it.
"""

from __future__ import annotations

import functools
import inspect
import math
from fractions import Fraction

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np

from deepvision.choices import Choice
from deepvision.types import Array


def identity(x: Array) -> Array:
    """f(x) = x."""
    return x


def sigmoid(x: Array) -> Array:
    """f(x) = 1 / (1 + exp(-x)), in (0, 1)."""
    return jax.nn.sigmoid(x)


def tanh(x: Array) -> Array:
    """f(x) = tanh(x), in (-1, 1)."""
    return jnp.tanh(x)


def scaled_tanh(x: Array) -> Array:
    """f(x) = 1.7159 tanh(2x/3), so that f(1) = 1 and f(-1) = -1. Source: LeCun et al. 1998, appendix A."""
    return 1.7159 * jnp.tanh(x * (2 / 3))


def relu(x: Array) -> Array:
    """f(x) = max(x, 0), with f'(0) = 0. Source: Nair & Hinton 2010."""
    return jax.nn.relu(x)


def leaky_relu(x: Array, negative_slope: float = 0.01) -> Array:
    """f(x) = x for x > 0, negative_slope * x otherwise. Source: Maas et al. 2013."""
    return jax.nn.leaky_relu(x, negative_slope)


def elu(x: Array, alpha: float = 1.0) -> Array:
    """f(x) = x for x > 0, alpha (exp(x) - 1) otherwise. Source: Clevert et al. 2015, equation 15."""
    return jax.nn.elu(x, alpha)


def gelu(x: Array) -> Array:
    """f(x) = x Phi(x), Phi the normal distribution function. Source: Hendrycks & Gimpel 2016."""
    return jax.nn.gelu(x, approximate=False)


def gelu_tanh(x: Array) -> Array:
    """f(x) = x/2 (1 + tanh(sqrt(2/pi) (x + 0.044715 x^3))). Source: Hendrycks & Gimpel 2016, section 2."""
    return jax.nn.gelu(x, approximate=True)


def silu(x: Array) -> Array:
    """f(x) = x sigmoid(x). Source: Elfwing et al. 2017; Ramachandran et al. 2017 (swish with beta = 1)."""
    return jax.nn.silu(x)


class Activation(nn.Module):
    """A site of an activation: `(x, train) -> x`."""


class PReLU(Activation):
    """f(x) = x for x > 0, a x otherwise, with a learned slope `a` per channel, or one for all.

    Attributes:
        negative_slope: the initial a.
        shared: one slope for all channels.
    Source: He et al. 2015 (1502.01852), equation 1.
    """

    negative_slope: float = 0.25
    shared: bool = False

    @nn.compact
    def __call__(self, x: Array, train: bool) -> Array:
        shape = (1,) if self.shared else x.shape[-1:]
        slope = self.param("negative_slope", nn.initializers.constant(self.negative_slope), shape)
        return jnp.where(x > 0, x, slope.astype(x.dtype) * x)


ACTIVATIONS = {
    "identity": identity,
    "sigmoid": sigmoid,
    "tanh": tanh,
    "scaled_tanh": scaled_tanh,
    "relu": relu,
    "leaky_relu": leaky_relu,
    "prelu": PReLU,
    "elu": elu,
    "gelu": gelu,
    "gelu_tanh": gelu_tanh,
    "silu": silu,
}


class Elementwise(Activation):
    """The one module behind all entries that are plain functions."""

    choice: Choice

    def __call__(self, x: Array, train: bool) -> Array:
        return self.choice.entry(x, **dict(self.choice.arguments))


def make(choice: Choice, name: str) -> nn.Module:
    """Returns the module `(x, train) -> x` for a choice."""
    return Elementwise(choice, name=name) if inspect.isfunction(choice.entry) else choice(name=name)


def _apply(choice: Choice, x: Array) -> Array:
    """Applies a choice as it is when freshly initialized, outside of any network."""
    module = Elementwise(choice, parent=None) if inspect.isfunction(choice.entry) else choice(parent=None)
    keys = {"params": jax.random.key(0), "dropout": jax.random.key(0)}
    return module.init_with_output(keys, x, train=False)[0]


@functools.cache
def width(choice: Choice) -> Fraction:
    """Returns how many channels come out per channel that goes in: 1, but for a few such as crelu (2)."""
    channels = 720
    y = jax.eval_shape(functools.partial(_apply, choice), jax.ShapeDtypeStruct((1, channels), jnp.float32))
    return Fraction(y.shape[-1], channels)


@functools.cache
def gain(choice: Choice) -> float:
    """Returns E[f(z)^2]^(-1/2) for z ~ N(0, 1): kernels of variance gain^2 / fan_in keep the second moment at one.

    By Gauss-Hermite quadrature; sqrt(2) for relu, as in He et al. 2015, equation 10.
    """
    z, weight = np.polynomial.hermite_e.hermegauss(256)
    with jax.ensure_compile_time_eval():
        y = _apply(choice, jnp.asarray(z, jnp.float32)[:, None])
        second = np.asarray(jnp.mean(jnp.square(y), axis=-1), np.float64)
    return float((weight @ second / math.sqrt(2 * math.pi)) ** -0.5)
