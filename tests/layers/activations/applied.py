"""Activations outside of any network."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, Elementwise, make


def function(choice: str, channels: int = 8) -> Callable[[jax.Array], jax.Array]:
    """Returns a freshly initialized activation in evaluation, as a function of x [..., channels]."""
    apply, params = with_params(choice, channels)
    return lambda x: apply(params, x)


def with_params(choice: str, channels: int = 8) -> tuple[Callable[[Any, jax.Array], jax.Array], Any]:
    """Returns an activation in evaluation as a function of parameters and x, and its initial parameters."""
    module = make(resolve(ACTIVATIONS, choice, "act"))
    x = jax.numpy.zeros((1, channels))
    params = {} if isinstance(module, Elementwise) else module.init(jax.random.key(0), x, train=False).get("params", {})
    return lambda params, x: module.apply({"params": params}, x, train=False), params
