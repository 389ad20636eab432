"""Cost of every norm: forward and backward on [128, 32, 32, 64], in training, beside the plain formula and flax's own.

    python -m experiments.benchmarks.norms [norm ...]

The first table compares all norms with `none`. Each of the others compares a norm with its formula as one would write
it down by hand (`PLAIN`, checked to give the same values) and, where flax has that norm, with flax.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.layers.norms import NORMS
from experiments.benchmarks.timing import compare, timed

SHAPE = (128, 32, 32, 64)


def standardized(x, axes, epsilon):
    mean = x.mean(axes, keepdims=True)
    return (x - mean) / jnp.sqrt(x.var(axes, keepdims=True) + epsilon)


def group(x):
    return standardized(x.reshape(*x.shape[:-1], 32, 2), (1, 2, 4), 1e-5).reshape(x.shape)


def batch_renorm(x):
    mean, std = x.mean((0, 1, 2)), jnp.sqrt(x.var((0, 1, 2)) + 1e-5)
    r, d = lax.stop_gradient((jnp.clip(std, 1 / 3, 3), jnp.clip(mean, -5, 5)))
    return (x - mean) / std * r + d


def switchable(x):
    axes = (1, 2), (1, 2, 3), (0, 1, 2)
    mean = sum(x.mean(a, keepdims=True) for a in axes) / 3
    return (x - mean) / jnp.sqrt(sum(x.var(a, keepdims=True) for a in axes) / 3 + 1e-5)


def window_sum(x, window):
    return lax.reduce_window(x, 0.0, lax.add, window, (1, 1, 1, 1), "SAME")


def contrast(x, channels):
    z = jnp.arange(-4, 5)
    kernel = jnp.exp(-0.5 * (z[:, None] ** 2 + z**2) / 2.25**2)[..., None, None]

    def blur(x):
        x = x.mean(-1, keepdims=True) if channels else x
        kernels = jnp.tile(kernel, (1, 1, 1, x.shape[-1]))
        layout = ("NHWC", "HWIO", "NHWC")
        return lax.conv_general_dilated(
            x, kernels, (1, 1), "SAME", dimension_numbers=layout, feature_group_count=x.shape[-1]
        )

    inside = blur(jnp.ones_like(x[:1]))
    v = x - blur(x) / inside
    s = jnp.sqrt(blur(v**2) / inside + 1e-5)
    return v / jnp.maximum(s.mean((1, 2), keepdims=True), s)


def grn(x):
    norm = jnp.sqrt((x**2).sum((1, 2), keepdims=True))
    return x * norm / (norm.mean(-1, keepdims=True) + 1e-6)


def evonorm_b0(x):
    return x / jnp.maximum(jnp.sqrt(x.var((0, 1, 2)) + 1e-5), x + jnp.sqrt(x.var((1, 2), keepdims=True) + 1e-5))


def evonorm_s0(x):
    groups = x.reshape(*x.shape[:-1], 32, 2)
    deviation = jnp.sqrt(groups.var((1, 2, 4), keepdims=True) + 1e-5)
    return (groups * jax.nn.sigmoid(groups) / deviation).reshape(x.shape)


# Norm -> (formula, what follows it: the affine map, the scale, or nothing).
PLAIN = {
    "affine": (lambda x: x, "affine"),
    "dynamic_tanh": (lambda x: jnp.tanh(0.5 * x), "affine"),
    "batch": (lambda x: standardized(x, (0, 1, 2), 1e-5), "affine"),
    "batch_renorm": (batch_renorm, "affine"),
    "switchable": (switchable, "affine"),
    "layer": (lambda x: standardized(x, (3,), 1e-6), "affine"),
    "layer_hwc": (lambda x: standardized(x, (1, 2, 3), 1e-5), "affine"),
    "group": (group, "affine"),
    "instance": (lambda x: standardized(x, (1, 2), 1e-5), "affine"),
    "rms": (lambda x: x / jnp.sqrt((x**2).mean(3, keepdims=True) + 1e-6), "scale"),
    "l2": (lambda x: x / jnp.linalg.norm(x, axis=3, keepdims=True), "scale"),
    "lrn": (lambda x: x / (2 + 1e-4 * window_sum(x**2, (1, 1, 1, 5))) ** 0.75, "nothing"),
    "lrn_within": (lambda x: x / (2 + 1e-4 * window_sum(x**2, (1, 5, 5, 1))) ** 0.75, "nothing"),
    "contrast": (lambda x: contrast(x, True), "nothing"),
    "contrast_within": (lambda x: contrast(x, False), "nothing"),
    "filter_response": (lambda x: x / jnp.sqrt((x**2).mean((1, 2), keepdims=True) + 1e-6), "threshold"),
    "grn": (grn, "residual"),
    "evonorm_b0": (evonorm_b0, "affine"),
    "evonorm_s0": (evonorm_s0, "affine"),
}
BEHIND = {
    "nothing": lambda p, x, y: y,
    "scale": lambda p, x, y: y * p["scale"],
    "affine": lambda p, x, y: y * p["scale"] + p["bias"],
    "threshold": lambda p, x, y: jnp.maximum(y * p["scale"] + p["bias"], p["threshold"]),
    "residual": lambda p, x, y: x + y * p["scale"] + p["bias"],
}
FLAX = {
    "batch": nn.BatchNorm(use_running_average=False, momentum=0.9),
    "layer": nn.LayerNorm(),
    "group": nn.GroupNorm(32, epsilon=1e-5),
    "instance": nn.InstanceNorm(),
    "rms": nn.RMSNorm(),
}


def module(norm: nn.Module, x: jax.Array, *train: bool) -> tuple[Callable, dict]:
    """Returns a norm as a function of its parameters and input, and the parameters."""
    variables = norm.init(jax.random.key(0), x[:2], *train)
    state = {name: value for name, value in variables.items() if name != "params"}

    def apply(params, x):
        return norm.apply({"params": params, **state}, x, *train, mutable=["batch_stats"])[0]

    return apply, variables.get("params", {})


def plain(name: str) -> Callable:
    formula, behind = PLAIN[name]
    return lambda params, x: BEHIND[behind](params, x, formula(x))


def main(names: list[str]) -> None:
    x, cotangent = (jax.random.normal(jax.random.key(seed), SHAPE) for seed in (0, 1))
    ours = {name: module(NORMS[name](activate=True), x, True) for name in names}
    print(f"\n## all, {'x'.join(map(str, SHAPE))} float32 on {jax.devices()[0].device_kind}\n")
    compare({name: timed(*ours[name], x, cotangent) for name in dict.fromkeys(["none", *names])})
    for name in PLAIN:
        if name in ours:
            apply, params = ours[name]
            np.testing.assert_allclose(plain(name)(params, x[:2]), apply(params, x[:2]), rtol=1e-4, atol=1e-4)
            candidates = {"formula": timed(plain(name), params, x, cotangent)}
            if name in FLAX:
                candidates["flax"] = timed(*module(FLAX[name], x), x, cotangent)
            print(f"\n## {name}\n")
            compare({**candidates, name: timed(apply, params, x, cotangent)})


if __name__ == "__main__":
    main(list(dict.fromkeys(["none", *(sys.argv[1:] or NORMS)])))
