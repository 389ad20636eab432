"""Initial values of kernels.

"gain" follows the activation: a normal distribution of variance gain^2 / fan_in, truncated at two deviations, with
gain = E[act(z)^2]^(-1/2), keeps the second moment of what passes through at one. "paper" is what the paper of the
network states; the other names ask for a scheme whatever the network.
"""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from deepvision.types import Array, Initializer, Key, Shape


def normal(std: float = 0.01) -> Initializer:
    """N(0, std^2). Source: Krizhevsky et al. 2012, section 5; Simonyan & Zisserman 2014, section 3.1."""
    return jax.nn.initializers.normal(std)


def truncated_normal(std: float = 0.02) -> Initializer:
    """N(0, std^2) truncated at two deviations. Source: Touvron et al. 2020 (DeiT), section 6."""
    return jax.nn.initializers.truncated_normal(std)


def variance_scaling(scale: float = 1.0, mode: str = "fan_in", distribution: str = "truncated_normal") -> Initializer:
    """Variance scale / fan, of the fan_in, fan_out or fan_avg. Source: He et al. 2015 (1502.01852), section 2.2."""
    return jax.nn.initializers.variance_scaling(scale, mode, distribution)


def he_normal(mode: str = "fan_in") -> Initializer:
    """Variance 2 / fan. Source: He et al. 2015 (1502.01852), equation 10."""
    return jax.nn.initializers.variance_scaling(2.0, mode, "normal")


def lecun_normal() -> Initializer:
    """Variance 1 / fan_in. Source: LeCun et al. 1998, Efficient BackProp, equation 16."""
    return jax.nn.initializers.variance_scaling(1.0, "fan_in", "normal")


def xavier_uniform() -> Initializer:
    """Uniform of variance 2 / (fan_in + fan_out). Source: Glorot & Bengio 2010, equation 16."""
    return jax.nn.initializers.variance_scaling(1.0, "fan_avg", "uniform")


def fan_in_uniform(bound: float = 2.4) -> Initializer:
    """Uniform in +-bound / fan_in. Source: LeCun et al. 1998, appendix A, with bound = 2.4."""

    def init(key: Key, shape: Shape, dtype: jnp.dtype = jnp.float32) -> Array:
        limit = bound / math.prod(shape[:-1])
        return jax.random.uniform(key, shape, dtype, -limit, limit)

    return init


def orthogonal(scale: float = 1.0) -> Initializer:
    """An orthogonal matrix [filter, outputs] times scale. Source: Saxe et al. 2013."""
    return jax.nn.initializers.orthogonal(scale)


def dirac(scale: float = 1 / 3) -> Initializer:
    """The identity in the first filters of a convolution, as many as it has inputs, and small values in the others.

    Filter i < inputs is 1 at its middle tap of input i, else 0: where the convolution keeps the plane, output i is
    input i. The other filters, and all of a dense layer, are uniform of variance scale / fan_in.
    Source: Jordan 2024 (2404.00498), section 3.3; Zagoruyko & Komodakis 2017 (1706.00388), section 2.
    """
    others = jax.nn.initializers.variance_scaling(scale, "fan_in", "uniform")

    def init(key: Key, shape: Shape, dtype: jnp.dtype = jnp.float32) -> Array:
        kernel = others(key, shape, dtype)
        if len(shape) < 3:
            return kernel
        middle, count = tuple((size - 1) // 2 for size in shape[:-2]), min(shape[-2:])
        filters = jnp.zeros((*shape[:-1], count), dtype).at[middle].set(jnp.eye(shape[-2], count, dtype=dtype))
        return kernel.at[..., :count].set(filters)

    return init


def bilinear(key: Key, shape: Shape, dtype: jnp.dtype = jnp.float32) -> Array:
    """The kernel [kh, kw, c, c] with which a transposed convolution interpolates every channel linearly.

    Source: Long et al. 2014 (1411.4038), section 3.3.
    """

    def triangle(size: int) -> Array:
        reach = (size + 1) // 2
        return 1 - jnp.abs(jnp.arange(size) - (size - 1) / 2) / reach

    plane = jnp.outer(triangle(shape[0]), triangle(shape[1]))
    return (plane[..., None, None] * jnp.eye(*shape[2:])).astype(dtype)


def scaled(init: Initializer, scale: float) -> Initializer:
    """Returns an initializer of `scale` times the values of another."""

    def scaled_init(key: Key, shape: Shape, dtype: jnp.dtype = jnp.float32) -> Array:
        return scale * init(key, shape, dtype)

    return init if scale == 1 else scaled_init


INITIALIZERS = {
    "normal": normal,
    "truncated_normal": truncated_normal,
    "variance_scaling": variance_scaling,
    "he_normal": he_normal,
    "lecun_normal": lecun_normal,
    "xavier_uniform": xavier_uniform,
    "fan_in_uniform": fan_in_uniform,
    "orthogonal": orthogonal,
    "dirac": dirac,
}
