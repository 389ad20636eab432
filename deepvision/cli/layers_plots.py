"""Plots of the activations with their derivatives."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, make, width

_LIMIT = 5.0  # of x


def curves(name: str, count: int = 801) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Returns x [count], f(x) and f'(x) [count, outputs] of an activation as it is at first, in evaluation.

    Where several channels make one value, they are all equal.
    """
    choice = resolve(ACTIVATIONS, name, "act")
    module = make(choice)
    x = jnp.linspace(-_LIMIT, _LIMIT, count)
    inputs = jnp.broadcast_to(x[:, None], (count, width(choice).denominator))
    variables = module.init(jax.random.key(0), inputs, train=False)
    y, derivative = jax.jvp(lambda x: module.apply(variables, x, train=False), (inputs,), (jnp.ones_like(inputs),))
    return np.asarray(x), np.asarray(y), np.asarray(derivative)


def plot(name: str, path: Path) -> None:
    """Writes the plot of an activation, solid, and its derivative, dashed, as SVG."""
    x, y, derivative = curves(name)
    figure = Figure(figsize=(3.6, 2.4), layout="constrained")
    axes = figure.add_subplot()
    axes.axhline(0, color="0.8", linewidth=0.8)
    axes.axvline(0, color="0.8", linewidth=0.8)
    values = axes.plot(x, y, color="C0")
    slopes = axes.plot(x, derivative, color="C1", linestyle="--", linewidth=1)
    axes.legend([values[0], slopes[0]], ["f", "f'"], fontsize="small", frameon=False)
    low, high = min(y.min(), derivative.min()), max(y.max(), derivative.max())
    axes.set_xlim(-_LIMIT, _LIMIT)
    axes.set_ylim(max(low, -_LIMIT) - 0.2, min(high, _LIMIT) + 0.2)
    axes.tick_params(labelsize="small")
    with matplotlib.rc_context({"svg.hashsalt": name}):  # the same file for the same curves
        figure.savefig(path, format="svg", metadata={"Date": None, "Title": f"{name} and its derivative"})
