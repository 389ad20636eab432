"""Activations outside of any network."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import jax

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, make


def function(choice: str | Mapping, channels: int = 8) -> Callable[[jax.Array], jax.Array]:
    """Returns a freshly initialized activation in evaluation, as a function of x [..., channels]."""
    apply, params = with_params(choice, channels)
    return lambda x: apply(params, x)


def with_params(choice: str | Mapping, channels: int = 8) -> tuple[Callable[[Any, jax.Array], jax.Array], Any]:
    """Returns an activation in evaluation as a function of parameters and x, and its initial parameters."""
    module = make(resolve(ACTIVATIONS, choice, "act"))
    variables = module.init(jax.random.key(0), jax.numpy.zeros((1, channels)), train=False)
    return lambda params, x: module.apply({"params": params}, x, train=False), variables.get("params", {})
