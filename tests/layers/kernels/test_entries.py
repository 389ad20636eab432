"""What each parameterization is: its singular values, lengths and means; and what it refuses."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.kernels import KERNELS
from tests.layers.kernels.support import GROUPS, SHAPES, bound, fresh, matrix, read
from tests.layers.norms.support import normal, relative_error


def kernel(entry: str, v: np.ndarray, gain: Any = None, **arguments: Any) -> np.ndarray:
    """Returns the kernel read where the learned array starts as `v`, as a matrix [filter, outputs]."""
    parameterization = KERNELS[entry](**arguments)
    made = fresh(parameterization, v)
    if gain is not None:
        made = {**made, "params": {**made["params"], "kernel_gain": jnp.asarray(gain, v.dtype)}}
    return matrix(read(parameterization, made)[0])


@pytest.mark.parametrize("entry", ["plain", "weight_norm"])
def test_at_first_the_kernel_is_the_learned_array(entry: str) -> None:
    v = normal((3, 3, 4, 6), dtype=np.float32)
    assert relative_error(kernel(entry, v), matrix(v)) < 1e-6


@pytest.mark.parametrize("kind", SHAPES)
@pytest.mark.parametrize("entry", ["weight_norm", "centered_weight_norm", "l2_normalized"])
def test_squared_singular_values_sum_to_the_outputs(entry: str, kind: str) -> None:
    """With gains of one: sigma_1^2 + ... = outputs, as Miyato et al. 2018 note in section 3."""
    outputs = SHAPES[kind][-1]
    gain = None if entry == "l2_normalized" else np.ones(outputs)
    values = np.linalg.svd(kernel(entry, normal(SHAPES[kind], dtype=np.float32), gain), compute_uv=False)
    assert np.sum(values**2) == pytest.approx(outputs, rel=1e-5)


@pytest.mark.parametrize("entry", ["centered_weight_norm", "weight_standardization", "scaled_weight_standardization"])
def test_centred_filters_have_mean_zero(entry: str) -> None:
    w = kernel(entry, 1 + normal((3, 3, 4, 6), dtype=np.float32), gain=np.arange(1, 7))
    assert np.all(np.abs(w.mean(axis=0)) < 1e-6 * np.arange(1, 7))


def test_the_lengths_of_filters() -> None:
    v, gain = 1 + normal((3, 3, 4, 6), dtype=np.float32), np.arange(1.0, 7.0)
    size = 3 * 3 * 4
    lengths = {
        "weight_norm": gain,
        "centered_weight_norm": gain,
        "weight_standardization": np.sqrt(size) * gain,
        "scaled_weight_standardization": gain,
    }
    for entry, expected in lengths.items():
        np.testing.assert_allclose(np.linalg.norm(kernel(entry, v, gain), axis=0), expected, rtol=1e-5)
    fixed = kernel("scaled_weight_standardization", v, scale=1.7)
    np.testing.assert_allclose(np.linalg.norm(fixed, axis=0), 1.7, rtol=1e-5)
    np.testing.assert_allclose(np.linalg.norm(kernel("l2_normalized", v, scale=0.5), axis=0), 0.5, rtol=1e-5)


@pytest.mark.parametrize("entry", ["centered_weight_norm", "weight_standardization"])
def test_gains_start_at_the_scale_of_the_initial_values(entry: str) -> None:
    """A centred kernel is at first the initial values without their means."""
    v = normal((3, 3, 4, 6), dtype=np.float32)
    assert relative_error(kernel(entry, v), matrix(v) - matrix(v).mean(axis=0)) < 1e-5


def test_scaled_standardization_carries_the_variance_through_a_deep_network_without_norms() -> None:
    """Brock et al. 2021, section 4: with Var[relu(z)]^(-1/2) the variance stays at one, and without it fades."""
    scale = (0.5 * (1 - 1 / np.pi)) ** -0.5

    def variance(scale: float, depth: int = 30, width: int = 256) -> float:
        x = normal((512, width), seed=9, dtype=np.float32)
        for layer in range(depth):
            v = 0.1 * normal((width, width), seed=layer, dtype=np.float32)
            x = np.maximum(x, 0) @ kernel("scaled_weight_standardization", v, scale=scale)
        return float(np.var(x))

    assert 0.5 < variance(scale) < 2
    assert variance(1.0) < 1e-8


@pytest.mark.parametrize("kind", SHAPES)
def test_spectral_norm_is_one_by_svd(kind: str) -> None:
    """At first already; and after the kernel has moved, once the power method has followed it."""
    entry = KERNELS["spectral_norm"](iterations=5)
    variables = fresh(entry, normal(SHAPES[kind], dtype=np.float32))
    first, _ = read(entry, variables)
    variables["params"]["kernel"] = jnp.asarray(normal(SHAPES[kind], seed=1, dtype=np.float32))
    for _ in range(40):
        moved, state = read(entry, variables, train=True)
        variables |= state
    for found in (first, moved):
        assert np.linalg.norm(matrix(found), 2) == pytest.approx(1, abs=1e-3)


def test_spectral_norm_takes_one_step_of_the_power_method_per_training_step() -> None:
    v = normal((7, 5), dtype=np.float32)
    one, three = KERNELS["spectral_norm"](), KERNELS["spectral_norm"](iterations=3)
    start = {"params": {"kernel": v}, "batch_stats": {"kernel_singular": (np.eye(5, dtype=np.float32)[0], np.zeros(7))}}
    variables = start
    for _ in range(3):
        stepped, state = read(one, variables, train=True)
        variables = {**variables, **state}
    assert relative_error(stepped, read(three, start, train=True)[0]) < 1e-6


def test_spectral_norm_on_large_kernels_starts_converged() -> None:
    w = kernel("spectral_norm", normal((3, 3, 64, 96), dtype=np.float32))
    assert np.linalg.norm(w, 2) == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize("kind", SHAPES)
def test_orthogonal_kernels_are_orthogonal(kind: str) -> None:
    """Per group: W^T W = I, or W W^T = I where there are more outputs than weights in a filter."""
    groups = GROUPS.get(kind, 1)
    w = kernel("orthogonal", normal(SHAPES[kind], dtype=np.float32), groups=groups, scale=2.0) / 2
    for part in np.split(w, groups, axis=1):
        gram = part.T @ part if part.shape[0] >= part.shape[1] else part @ part.T
        np.testing.assert_allclose(gram, np.eye(len(gram)), atol=2e-6)


def test_an_orthogonal_array_is_read_as_it_is() -> None:
    q = np.linalg.qr(normal((9, 4)))[0].astype(np.float32)
    assert relative_error(kernel("orthogonal", q), q) < 1e-6
    assert relative_error(kernel("orthogonal", -q.T), -q.T) < 1e-6


def test_transposed_convolutions_start_with_unit_variance() -> None:
    """Of every filter one tap in stride^2 meets an input; the initial values make up for it."""
    x = jnp.asarray(normal((4, 8, 8, 16)), jnp.float32)
    L = bound("plain").choices.replace({"init": "gain"}).bind(train=False)
    y, _ = L.conv_transpose(64, 4, 2, padding=1, linear=True, name="layer").init_with_output(jax.random.key(0), x)
    assert y.shape == (4, 16, 16, 64)
    assert float(jnp.var(y[:, 2:-2, 2:-2])) == pytest.approx(1, rel=0.1)


@pytest.mark.parametrize(
    ("kernel", "message"),
    [
        ("spectral_norm(iterations=0)", "kernel 'spectral_norm': iterations must be a whole number, at least 1, got 0"),
        ("spectral_norm(scale=-1)", "kernel 'spectral_norm': scale must be a number above 0, got -1"),
        ("orthogonal(scale=0)", "kernel 'orthogonal': scale must be a number above 0, got 0"),
        ("l2_normalized(scale='a')", "kernel 'l2_normalized': scale must be a number, got 'a'"),
        ("weight_norm(per='row')", "kernel 'weight_norm': per must be one of output, input, kernel, got 'row'"),
        ("weight_norm(data_dependent=1)", "kernel 'weight_norm': data_dependent must be True or False, got 1"),
        ("weight_norm(per='input', data_dependent=True)", "kernel 'weight_norm': data_dependent needs per='output'"),
        ("weight_standardization(epsilon=-1)", "kernel 'weight_standardization': epsilon must be a number, at least 0"),
        ("scaled_weight_standardization(epsilon=0)", "epsilon must be a number above 0, got 0"),
        ("plain(scale=1)", "unknown argument of kernel 'plain': 'scale'"),
        ("weight_norm(groups=2)", "unknown argument of kernel 'weight_norm': 'groups'"),
        ("wieght_norm", "did you mean 'weight_norm'?"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(kernel: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        bound(kernel).dense(3, name="layer")
    assert message in str(error.value)
    assert "\n" not in str(error.value)
