"""Activations that squash: bounded functions, and the sums and integrals of such."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp

from deepvision.checks import check_count, check_number, check_positive
from deepvision.types import Array


def clamp(x: Array, low: float, high: float) -> Array:
    """Returns min(max(x, low), high), with derivative 0 at both ends."""
    return jnp.where(x <= low, low, jnp.where(x >= high, high, x))


def sigmoid(x: Array) -> Array:
    """f(x) = 1 / (1 + exp(-x)). Source: Rumelhart et al. 1986 (Parallel Distributed Processing, chapter 8)."""
    return jax.nn.sigmoid(x)


def hard_sigmoid(x: Array) -> Array:
    """f(x) = min(max(x + 3, 0), 6) / 6. Source: Howard et al. 2019 (MobileNetV3), section 5.2."""
    return clamp(x + 3, 0, 6) / 6


def stepped_sigmoid(x: Array, steps: int = 10) -> Array:
    """f(x) = sum_{i=1}^{steps} sigmoid(x - i + 1/2): `steps` binary units with shared weights and shifted biases.

    With ever more steps it becomes `softplus`.

    Args:
        steps: how many, at least 1.
    Source: Nair & Hinton 2010, section 2.2.
    """
    check_count("act 'stepped_sigmoid'", "steps", steps)
    return sum(jax.nn.sigmoid(x - (i - 0.5)) for i in range(1, steps + 1))


def softplus(x: Array, beta: float = 1.0) -> Array:
    """f(x) = log(1 + exp(beta x)) / beta: the limit of `stepped_sigmoid`, and a smooth relu.

    Args:
        beta: sharpness, above 0; relu in the limit.
    Source: Dugas et al. 2000; Nair & Hinton 2010, section 2.2.
    """
    check_positive("act 'softplus'", "beta", beta)
    return jax.nn.softplus(beta * x) / beta


def logsigmoid(x: Array) -> Array:
    """f(x) = log(sigmoid(x)) = -softplus(-x). No source."""
    return jax.nn.log_sigmoid(x)


def tanh(x: Array) -> Array:
    """f(x) = tanh(x). Source: LeCun et al. 1998 (Efficient BackProp), section 4.4."""
    return jnp.tanh(x)


def scaled_tanh(x: Array) -> Array:
    """f(x) = 1.7159 tanh(2x/3), so that f(1) = 1 and f(-1) = -1. Source: LeCun et al. 1998, appendix A."""
    return 1.7159 * jnp.tanh(x * (2 / 3))


def hard_tanh(x: Array, low: float = -1.0, high: float = 1.0) -> Array:
    """f(x) = min(max(x, low), high).

    Args:
        low: least value, at most 0.
        high: largest value, above 0.
    Source: Collobert 2004, "Large scale machine learning".
    """
    check_number("act 'hard_tanh'", "low", low, -math.inf, 0)
    check_positive("act 'hard_tanh'", "high", high)
    return clamp(x, low, high)


def softsign(x: Array) -> Array:
    """f(x) = x / (1 + |x|). Source: Bergstra et al. 2009; Glorot & Bengio 2010."""
    return jax.nn.soft_sign(x)


def sin(x: Array, frequency: float = 1.0) -> Array:
    """f(x) = sin(frequency x).

    Args:
        frequency: radians per unit of x, above 0.
    Source: Sitzmann et al. 2020 (SIREN), section 3.1.
    """
    check_positive("act 'sin'", "frequency", frequency)
    return jnp.sin(frequency * x)
