"""Norms over examples: the gradient derived by hand, running averages, and whose examples share the moments."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import sys
from typing import Any

import jax
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.norms import NORMS, BatchStatistics
from deepvision.ops import BATCH_AXIS
from tests.layers.norms.support import forward, make, normal, random_variables, relative_error

over_examples = pytest.mark.parametrize("name", [n for n, norm in NORMS.items() if issubclass(norm, BatchStatistics)])


def gradients(norm: Any, variables: Any, x: Any, cotangent: Any) -> tuple[Any, Any, Any]:
    """Returns y, the gradients of sum(y * cotangent) by parameters and x, and the running averages behind it."""

    @jax.jit
    def run(variables: Any, x: Any, cotangent: Any) -> tuple[Any, Any, Any]:
        def apply(params: Any, x: Any) -> Any:
            return norm.apply({**variables, "params": params}, x, True, mutable=["batch_stats"])

        y, pull, updates = jax.vjp(apply, variables["params"], x, has_aux=True)
        return y, pull(cotangent), updates["batch_stats"]

    return run(variables, x, cotangent)


def test_backward_pass_is_that_of_the_paper() -> None:
    """Ioffe & Szegedy 2015, section 3: the six formulas, m values of one channel."""
    epsilon = 1e-5
    with jax.enable_x64(True):
        x, dy = normal((4, 3, 5, 6)) * 3 + 1, normal((4, 3, 5, 6), seed=1)
        norm = make("batch", epsilon=epsilon)
        variables = random_variables(norm, x)
        _, (d_params, d_x), _ = gradients(norm, variables, x, dy)
    axes, m = (0, 1, 2), 4 * 3 * 5
    gamma = variables["params"]["scale"]
    mean, var = x.mean(axes), x.var(axes)
    x_hat = (x - mean) / np.sqrt(var + epsilon)
    dx_hat = dy * gamma
    d_var = (dx_hat * (x - mean)).sum(axes) * -0.5 * (var + epsilon) ** -1.5
    d_mean = dx_hat.sum(axes) * -1 / np.sqrt(var + epsilon) + d_var * (-2 * (x - mean)).sum(axes) / m
    dx = dx_hat / np.sqrt(var + epsilon) + d_var * 2 * (x - mean) / m + d_mean / m
    d_gamma = (dy * x_hat).sum(axes)
    d_beta = dy.sum(axes)
    for value, expected in ((d_x, dx), (d_params["scale"], d_gamma), (d_params["bias"], d_beta)):
        assert relative_error(value, expected) < 1e-12


def test_without_a_learned_scale_it_is_one() -> None:
    x = normal((4, 3, 5, 6))
    learned, fixed = make("batch"), make("batch", learned_scale=False, scale_init=jax.nn.initializers.zeros)
    y, variables = fixed.init_with_output(jax.random.key(0), x, True)
    assert set(variables["params"]) == {"bias"}
    np.testing.assert_allclose(y, learned.init_with_output(jax.random.key(0), x, True)[0], atol=1e-6)


@pytest.mark.parametrize("clipped", [False, True])
def test_batch_renorm_is_algorithm_1(clipped: bool) -> None:
    """Ioffe 2017: values, running averages, and gradients with r and d constant."""
    epsilon, momentum, r_max, d_max = 1e-5, 0.9, 3.0, 5.0
    with jax.enable_x64(True):
        x, dy = normal((4, 3, 5, 6)) * (20 if clipped else 1) + (40 if clipped else 0), normal((4, 3, 5, 6), seed=1)
        norm = make("batch_renorm")
        variables = random_variables(norm, x)
        y, (d_params, d_x), running = gradients(norm, variables, x, dy)
        evaluated = forward(norm, variables, x, False)
    axes, m = (0, 1, 2), 4 * 3 * 5
    gamma, beta = variables["params"]["scale"], variables["params"]["bias"]
    mu, sigma = variables["batch_stats"]["mean"], variables["batch_stats"]["std"]
    mean, std = x.mean(axes), np.sqrt(x.var(axes) + epsilon)
    r, d = np.clip(std / sigma, 1 / r_max, r_max), np.clip((mean - mu) / sigma, -d_max, d_max)
    x_hat = (x - mean) / std * r + d
    assert relative_error(y, gamma * x_hat + beta) < 1e-12
    assert (relative_error(y, evaluated) < 1e-12) == (not clipped)
    assert relative_error(running["mean"], momentum * mu + (1 - momentum) * mean) < 1e-12
    assert relative_error(running["std"], momentum * sigma + (1 - momentum) * std) < 1e-12
    dx_hat = dy * gamma
    d_std = (dx_hat * (x - mean)).sum(axes) * -r / std**2
    d_mean = dx_hat.sum(axes) * -r / std
    assert relative_error(d_x, dx_hat * r / std + d_std * (x - mean) / (m * std) + d_mean / m) < 1e-12
    assert relative_error(d_params["scale"], (dy * x_hat).sum(axes)) < 1e-12
    assert relative_error(d_params["bias"], dy.sum(axes)) < 1e-12


def test_batch_renorm_without_corrections_is_batch_norm() -> None:
    x = normal((4, 3, 5, 6), dtype=np.float32)
    renorm, batch = make("batch_renorm", r_max=1.0, d_max=0.0), make("batch")
    params = random_variables(batch, x)["params"]
    values = [forward(norm, {**random_variables(norm, x), "params": params}, x) for norm in (renorm, batch)]
    assert relative_error(*values) < 1e-6


@pytest.mark.parametrize(("place", "name"), [(0, "instance"), (1, "layer_hwc"), (2, "batch")])
@pytest.mark.parametrize("train", [True, False])
def test_switchable_with_one_weight_is_that_norm(place: int, name: str, train: bool) -> None:
    x = normal((4, 3, 5, 6), dtype=np.float32)
    switchable, alone = make("switchable"), make(name, epsilon=1e-5)
    variables = random_variables(switchable, x)
    weights = np.where(np.arange(3) == place, 50, -50).astype(np.float32)
    variables["params"] |= dict(mean_weights=weights, var_weights=weights)
    assert relative_error(forward(switchable, variables, x, train), forward(alone, variables, x, train)) < 1e-5


def test_switchable_is_the_equal_mixture_at_first() -> None:
    x = normal((4, 3, 5, 6)).astype(np.float32)
    norm = make("switchable")
    y = forward(norm, norm.init(jax.random.key(0), x, True), x)
    axes = (1, 2), (1, 2, 3), (0, 1, 2)
    mean = sum(x.mean(a, keepdims=True) for a in axes) / 3
    var = sum(x.var(a, keepdims=True) for a in axes) / 3
    assert relative_error(y, (x - mean) / np.sqrt(var + 1e-5)) < 1e-5


@over_examples
def test_ghosts_are_separate_batches(name: str) -> None:
    """k ghosts give what k batches alone give; the running averages move to the mean of theirs."""
    x, cotangent = normal((12, 3, 3, 4), dtype=np.float32), normal((12, 3, 3, 4), seed=1, dtype=np.float32)
    ghosts, alone = make(name, statistics_scope="ghost", ghost_size=4), make(name)
    variables = random_variables(alone, x)
    y, (d_params, d_x), running = gradients(ghosts, variables, x, cotangent)
    parts = [gradients(alone, variables, x[i : i + 4], cotangent[i : i + 4]) for i in (0, 4, 8)]
    assert relative_error(y, np.concatenate([part[0] for part in parts])) < 1e-6
    assert relative_error(d_x, np.concatenate([part[1][1] for part in parts])) < 1e-5
    for key, value in d_params.items():
        assert relative_error(value, sum(part[1][0][key] for part in parts)) < 1e-5
    for key, value in running.items():
        assert relative_error(value, sum(part[2][key] for part in parts) / 3) < 1e-6


@over_examples
def test_scope_says_whose_examples_count(name: str) -> None:
    """Over an axis of four devices: "device" is each alone, "global" all together; the running averages agree."""
    x = normal((4, 2, 3, 3, 4), dtype=np.float32)

    def run(scope: str) -> tuple[Any, Any]:
        norm = make(name, statistics_scope=scope)
        apply = jax.vmap(lambda x: norm.apply(variables, x, True, mutable=["batch_stats"]), axis_name=BATCH_AXIS)
        y, updates = jax.jit(apply)(x)
        return y, updates["batch_stats"]

    alone = make(name)
    variables = random_variables(alone, x[0])
    y, running = run("device")
    apply = jax.jit(lambda x: alone.apply(variables, x, True, mutable=["batch_stats"]))
    each = [apply(part) for part in x]
    assert relative_error(y, np.stack([part[0] for part in each])) < 1e-6
    for key, value in running.items():
        mean = np.mean([part[1]["batch_stats"][key] for part in each], axis=0)
        assert relative_error(value, np.broadcast_to(mean, (4, 4))) < 1e-6
    y, running = run("global")
    together, updates = apply(x.reshape(8, 3, 3, 4))
    assert relative_error(y, together.reshape(x.shape)) < 1e-6
    for key, value in running.items():
        assert relative_error(value, np.broadcast_to(updates["batch_stats"][key], (4, 4))) < 1e-6


def test_four_devices_compute_what_one_does() -> None:
    """With scope "global": values, gradients and running averages, on devices of a process of its own."""
    script = pathlib.Path(__file__).with_name("four_devices.py")
    environment = os.environ | {"XLA_FLAGS": "--xla_force_host_platform_device_count=4", "JAX_PLATFORMS": "cpu"}
    environment["PYTHONPATH"] = str(script.parents[3])
    done = subprocess.run([sys.executable, script], env=environment, capture_output=True, text=True, check=True)
    errors = json.loads(done.stdout)
    assert set(errors) == {name for name, norm in NORMS.items() if issubclass(norm, BatchStatistics)}
    assert all(error < 1e-5 for error in errors.values()), errors


def test_running_averages_reach_the_moments() -> None:
    """After many batches of the same kind, evaluation normalizes as training does."""
    norm = make("batch", momentum=0.5)
    batches = normal((30, 64, 4, 4, 3), dtype=np.float32) * 2 + 5
    variables = norm.init(jax.random.key(0), batches[0], True)
    step = jax.jit(lambda variables, x: norm.apply(variables, x, True, mutable=["batch_stats"])[1])
    for x in batches:
        variables = {**variables, **step(variables, x)}
    y = np.asarray(forward(norm, variables, batches[0], False))
    np.testing.assert_allclose(y.mean((0, 1, 2)), 0, atol=0.1)
    np.testing.assert_allclose(y.std((0, 1, 2)), 1, atol=0.1)


def test_the_batch_that_makes_the_variables_counts_for_nothing() -> None:
    norm = make("batch", statistics_scope="ghost", ghost_size=32)
    stats = norm.init(jax.random.key(0), normal((2, 3, 3, 4), dtype=np.float32) + 9, True)["batch_stats"]
    assert not stats["mean"].any()
    assert (stats["var"] == 1).all()


def test_ghost_size_must_divide_the_batch() -> None:
    norm = make("batch", statistics_scope="ghost", ghost_size=3)
    x = normal((4, 2), dtype=np.float32)
    with pytest.raises(UserError) as caught:
        norm.apply(random_variables(norm, x), x, True, mutable=["batch_stats"])
    assert str(caught.value) == "norm 'batch': ghost_size 3 does not divide the 4 examples of a device"
