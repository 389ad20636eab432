"""Cost of every activation and pooling: forward and backward on [128, 32, 32, 64], beside the plain formula.

    python -m experiments.benchmarks.activations [name ...]

Each entry is timed in turn with relu and with its formula as one would write it down by hand (checked to give the same
values), round after round; the ratios are medians over the rounds. Poolings have windows of 3, two apart. Activations
are timed in training, and poolings in evaluation; what has parameters, with the gradients of these.
"""

from __future__ import annotations

import sys
from collections.abc import Callable

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.choices import resolve
from deepvision.layers.activations import ACTIVATIONS, make
from deepvision.layers.pooling import POOLINGS, Window
from experiments.benchmarks.timing import measure, timed

SHAPE = (128, 32, 32, 64)
SIGMOID, RELU = jax.nn.sigmoid, jax.nn.relu


def halves(combine: Callable) -> Callable:
    return lambda p, x: combine(x[..., :32], x[..., 32:])


def drawn(sample: Callable) -> jax.Array:
    keys = jax.vmap(lambda place: jax.random.fold_in(jax.random.key(0), place))(jnp.arange(SHAPE[0]))
    return jax.vmap(lambda key: sample(key, SHAPE[1:]))(keys)


def rbf(p, x):
    centers = jnp.linspace(-4, 4, 31)
    basis = jnp.exp(-0.5 * ((x[..., None] - centers) * 3.75) ** 2)
    return jnp.einsum("nhwcj,jc->nhwc", basis, p["weights"])


def window_sum(x):
    return lax.reduce_window(x, 0.0, lax.add, (1, 3, 3, 1), (1, 2, 2, 1), "VALID")


def expected(x):
    total = window_sum(RELU(x))
    return jnp.where(total > 0, window_sum(RELU(x) ** 2) / jnp.where(total > 0, total, 1), window_sum(x) / 9)


def window_max(x, stride=2):
    return lax.reduce_window(x, -jnp.inf, lax.max, (1, 3, 3, 1), (1, stride, stride, 1), "VALID")


def blurred_max(x):
    kernel = jnp.outer(jnp.array([1.0, 2, 1]), jnp.array([1.0, 2, 1]))[..., None, None] / 16
    x = jnp.pad(window_max(x, 1), ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    layout = ("NHWC", "HWIO", "NHWC")
    kernels = jnp.tile(kernel, (1, 1, 1, x.shape[-1]))
    return lax.conv_general_dilated(
        x, kernels, (2, 2), "VALID", dimension_numbers=layout, feature_group_count=x.shape[-1]
    )


PLAIN = {  # name -> function of parameters and x
    "identity": lambda p, x: x,
    "sigmoid": lambda p, x: 1 / (1 + jnp.exp(-x)),
    "hard_sigmoid": lambda p, x: jnp.clip(x + 3, 0, 6) / 6,
    "stepped_sigmoid": lambda p, x: sum(SIGMOID(x - i + 0.5) for i in range(1, 11)),
    "softplus": lambda p, x: jnp.logaddexp(x, 0),
    "logsigmoid": lambda p, x: -jnp.logaddexp(-x, 0),
    "tanh": lambda p, x: jnp.tanh(x),
    "scaled_tanh": lambda p, x: 1.7159 * jnp.tanh(2 * x / 3),
    "hard_tanh": lambda p, x: jnp.clip(x, -1, 1),
    "softsign": lambda p, x: x / (1 + jnp.abs(x)),
    "sin": lambda p, x: jnp.sin(x),
    "relu": lambda p, x: jnp.maximum(x, 0),
    "relu6": lambda p, x: jnp.clip(x, 0, 6),
    "leaky_relu": lambda p, x: jnp.where(x > 0, x, 0.01 * x),
    "prelu": lambda p, x: jnp.where(x > 0, x, p["negative_slope"] * x),
    "rrelu": lambda p, x: jnp.where(
        x > 0, x, drawn(lambda key, shape: jax.random.uniform(key, shape, minval=1 / 8, maxval=1 / 3)) * x
    ),
    "noisy_relu": lambda p, x: RELU(x + lax.stop_gradient(drawn(jax.random.normal) * jnp.sqrt(SIGMOID(x)))),
    "squared_relu": lambda p, x: jnp.maximum(x, 0) ** 2,
    "threshold": lambda p, x: jnp.where(x > 1, x, 0),
    "elu": lambda p, x: jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0))),
    "celu": lambda p, x: jnp.where(x > 0, x, jnp.expm1(jnp.minimum(x, 0))),
    "selu": lambda p, x: 1.0507 * jnp.where(x > 0, x, 1.67326 * jnp.expm1(jnp.minimum(x, 0))),
    "squareplus": lambda p, x: (x + jnp.sqrt(x**2 + 4)) / 2,
    "softshrink": lambda p, x: jnp.sign(x) * jnp.maximum(jnp.abs(x) - 0.5, 0),
    "hardshrink": lambda p, x: jnp.where(jnp.abs(x) > 0.5, x, 0),
    "tanhshrink": lambda p, x: x - jnp.tanh(x),
    "gelu": lambda p, x: 0.5 * x * (1 + lax.erf(x / np.sqrt(2))),
    "gelu_tanh": lambda p, x: 0.5 * x * (1 + jnp.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3))),
    "quick_gelu": lambda p, x: x * SIGMOID(1.702 * x),
    "silu": lambda p, x: x * SIGMOID(x),
    "swish": lambda p, x: x * SIGMOID(p["beta"] * x),
    "hard_swish": lambda p, x: x * jnp.clip(x + 3, 0, 6) / 6,
    "mish": lambda p, x: x * jnp.tanh(jnp.logaddexp(x, 0)),
    "serf": lambda p, x: x * lax.erf(jnp.logaddexp(x, 0)),
    "snake": lambda p, x: x + jnp.sin(x) ** 2,
    "exp": lambda p, x: jnp.exp(x),
    "rbf": rbf,
    "crelu": lambda p, x: jnp.concatenate([RELU(x), RELU(-x)], axis=-1),
    "maxout": lambda p, x: x.reshape(*x.shape[:-1], 32, 2).max(axis=-1),
    "glu": halves(lambda a, b: a * SIGMOID(b)),
    "geglu": halves(lambda a, b: a * 0.5 * b * (1 + lax.erf(b / np.sqrt(2)))),
    "swiglu": halves(lambda a, b: a * SIGMOID(a) * b),
    "reglu": halves(lambda a, b: RELU(a) * b),
}
PLAIN_POOLINGS = {
    "max": lambda p, x: window_max(x),
    "avg": lambda p, x: window_sum(x) / 9,
    "sum": lambda p, x: window_sum(x),
    "lp": lambda p, x: jnp.sqrt(window_sum(x**2)),
    "generalized_mean": lambda p, x: (window_sum(jnp.maximum(x, 1e-6) ** p["p"]) / 9) ** (1 / p["p"]),
    "mixed": lambda p, x: SIGMOID(p["mix"]) * window_max(x) + (1 - SIGMOID(p["mix"])) * window_sum(x) / 9,
    "stochastic": lambda p, x: expected(x),
    "blur": lambda p, x: blurred_max(x),
    "subsampling": lambda p, x: window_sum(x) * p["scale"] + p["bias"],
}


def applied(module: nn.Module, x: jax.Array, train: bool) -> tuple[Callable, dict]:
    """Returns a module as a function of its parameters and input, and the parameters."""
    params = module.init(jax.random.key(0), x[:2], train=False).get("params", {})
    keys = {"dropout": jax.random.key(0)}
    return lambda params, x: module.apply({"params": params}, x, train=train, rngs=keys), params


def entry(name: str, x: jax.Array) -> tuple[Callable, dict, Callable]:
    """Returns an entry as a function, its parameters, and its formula."""
    if name in ACTIVATIONS:
        return *applied(make(resolve(ACTIVATIONS, name, "act")), x, train=True), PLAIN[name]
    pool = POOLINGS[name](window=Window(3, 2))
    return *applied(pool, x, train=False), PLAIN_POOLINGS[name]


def check(ours: Callable, formula: Callable, params: dict, x: jax.Array, draws: bool) -> None:
    """Checks that the two agree, but for what they draw."""
    if not draws:
        np.testing.assert_allclose(ours(params, x), formula(params, x), rtol=1e-3, atol=1e-4)


def main(names: list[str]) -> None:
    x = jax.random.normal(jax.random.key(0), SHAPE)
    print(f"{'x'.join(map(str, SHAPE))} float32 on {jax.devices()[0].device_kind}, forward and backward\n")
    print("| entry            | median ms | relative to relu | relative to its formula |")
    print("|------------------|----------:|-----------------:|------------------------:|")
    for name in names:
        ours, params, formula = entry(name, x)
        check(ours, formula, params, x[:2], draws=name in ("rrelu", "noisy_relu"))
        cotangent = jnp.ones(jax.eval_shape(ours, params, x).shape)
        seconds = measure(
            {
                "relu": timed(lambda p, x: jax.nn.relu(x), {}, x, x),
                "entry": timed(ours, params, x, cotangent),
                "formula": timed(formula, params, x, cotangent),
            },
            rounds=9,
        )
        milliseconds = 1e3 * np.median(seconds["entry"])
        ratios = [np.median(seconds["entry"] / seconds[other]) for other in ("relu", "formula")]
        print(f"| {name:<16} | {milliseconds:9.1f} | {ratios[0]:16.2f} | {ratios[1]:23.2f} |", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:] or [*ACTIVATIONS, *POOLINGS])
