"""Values, gradients and running averages against torch's, in float32 and float64."""

from __future__ import annotations

import pathlib
from typing import Any

import jax
import numpy as np
import pytest

from deepvision.layers.norms import NORMS
from tests.layers.norms.support import relative_error

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")


def lrn(size: int, alpha: float, beta: float, k: float) -> tuple[str, dict[str, Any], int]:
    """torch divides alpha by the window's size."""
    return "lrn", dict(size=size, alpha=alpha / size, beta=beta, k=k), 1


# case -> (norm, its arguments, the axis of the golden's arrays that holds the channels).
CASES = {
    "lrn/n5_a0.0001_b0.75_k1.0": lrn(5, 1e-4, 0.75, 1.0),
    "lrn/n5_a0.0005_b0.75_k2.0": lrn(5, 5e-4, 0.75, 2.0),
    "lrn/n3_a0.1_b0.5_k1.0": lrn(3, 0.1, 0.5, 1.0),
    "lrn/n4_a0.2_b0.75_k1.5": lrn(4, 0.2, 0.75, 1.5),
    "group_norm/g1": ("group", dict(groups=1), 1),
    "group_norm/g2": ("group", dict(groups=2), 1),
    "group_norm/g4": ("group", dict(groups=4), 1),
    "group_norm/g8": ("group", dict(groups=8), 1),
    "instance_norm/affine": ("instance", {}, 1),
    "instance_norm/plain": ("instance", {}, 1),
    "layer_norm/last": ("layer", {}, -1),
    "layer_norm/channels_first": ("layer", {}, 1),
    "rms_norm/last": ("rms", {}, -1),
    "l2_normalize/c": ("l2", {}, 1),
    "grn/convnextv2": ("grn", {}, 1),
    "batch_norm/train_2d_m0.1_e1e-05": ("batch", {}, 1),
    "batch_norm/train_2d_m0.01_e0.001": ("batch", dict(momentum=0.99, epsilon=1e-3), 1),
    "batch_norm/train_1d_m0.1_e1e-05": ("batch", {}, 1),
    "batch_norm/train_1d_m0.01_e0.001": ("batch", dict(momentum=0.99, epsilon=1e-3), 1),
    "batch_norm/train_seq_m0.1_e1e-05": ("batch", {}, 1),
    "batch_norm/train_seq_m0.01_e0.001": ("batch", dict(momentum=0.99, epsilon=1e-3), 1),
    "batch_norm/eval_2d": ("batch", {}, 1),
}
PARAMETERS = {"gamma": "scale", "beta": "bias"}
RUNNING = {"running_mean0": "mean", "running_var0": "var", "rm": "mean", "rv": "var"}
TOLERANCE = {"float32": 1e-5, "float64": 1e-10}


def arrays(case: str, dtype: str) -> dict[str, np.ndarray]:
    return {key.removeprefix(f"{case}/"): GOLDENS[key].astype(dtype) for key in GOLDENS if key.startswith(f"{case}/")}


def variables(golden: dict[str, np.ndarray]) -> dict[str, Any]:
    """Returns the golden's values; a norm without any there has scale 1 and bias 0."""
    channels = golden["x"].shape[1:2]
    absent = {"scale": np.ones(channels), "bias": np.zeros(channels)} if "gamma" not in golden else {}
    params = {name: golden[key] for key, name in PARAMETERS.items() if key in golden}
    stats = {name: golden[key] for key, name in RUNNING.items() if key in golden}
    return {"params": params or absent, "batch_stats": stats}


@pytest.mark.parametrize("dtype", TOLERANCE)
@pytest.mark.parametrize("case", CASES)
def test_equals_torch(case: str, dtype: str) -> None:
    name, arguments, channels = CASES[case]
    golden, train = arrays(case, dtype), case != "batch_norm/eval_2d"
    x, cotangent = (np.moveaxis(golden[key], channels, -1) for key in ("x", "g"))
    norm = NORMS[name](**arguments)

    @jax.jit
    def run(given: dict[str, Any], x: jax.Array, cotangent: jax.Array) -> Any:
        def forward(params: Any, x: jax.Array) -> Any:
            return norm.apply({**given, "params": params}, x, train, mutable=["batch_stats"])

        y, pull, updates = jax.vjp(forward, given["params"], x, has_aux=True)
        return y, pull(cotangent), updates.get("batch_stats", {})

    with jax.enable_x64(dtype == "float64"):
        y, (d_params, d_x), running = run(variables(golden), x, cotangent)
        got = {"y": np.moveaxis(y, -1, channels), "d_x": np.moveaxis(d_x, -1, channels)}
        got |= {f"d_{key}": d_params[name] for key, name in PARAMETERS.items() if key in golden}
        got |= {f"running_{name}1": value for name, value in running.items() if f"running_{name}1" in golden}
    expected = {key for key in golden if key[:2] in ("y", "d_") or key in ("running_mean1", "running_var1")}
    assert set(got) == expected
    for key, value in got.items():
        assert value.dtype == dtype
        assert relative_error(value, golden[key]) < TOLERANCE[dtype], key


@pytest.mark.parametrize("dtype", TOLERANCE)
def test_layer_hwc_equals_torch(dtype: str) -> None:
    """torch's layer norm over (c, h, w) has a scale and a bias per value; they stand behind ours here."""
    golden = {key: np.moveaxis(a, -3, -1) for key, a in arrays("layer_norm/chw", dtype).items()}
    with jax.enable_x64(dtype == "float64"):
        norm = NORMS["layer_hwc"]()
        made = norm.init(jax.random.key(0), golden["x"][:1, :1, :1], True)

        @jax.jit
        def run(x: jax.Array, gamma: jax.Array, beta: jax.Array, cotangent: jax.Array) -> Any:
            y, pull = jax.vjp(lambda x, gamma, beta: norm.apply(made, x, True) * gamma + beta, x, gamma, beta)
            return y, *pull(cotangent)

        values = run(*(golden[key] for key in ("x", "gamma", "beta", "g")))
        got = dict(zip(("y", "d_x", "d_gamma", "d_beta"), values, strict=True))
    for key, value in got.items():
        assert relative_error(value, golden[key]) < TOLERANCE[dtype], key
