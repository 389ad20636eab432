"""Values of norms by plain numpy, from the papers' equations, and where their arguments end up."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.norms import NORMS
from tests.layers.norms.support import forward, make, normal, random_variables, relative_error


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def evaluate(name: str, x: np.ndarray, **arguments: object) -> tuple[np.ndarray, dict[str, np.ndarray]]:
    """Returns y in training and the parameters, at random."""
    norm = make(name, **arguments)
    variables = random_variables(norm, x)
    return np.asarray(forward(norm, variables, x)), variables.get("params", {})


def test_dynamic_tanh() -> None:
    x = normal((2, 5, 4), dtype=np.float32)
    y, p = evaluate("dynamic_tanh", x)
    assert relative_error(y, p["scale"] * np.tanh(p["alpha"] * x) + p["bias"]) < 1e-6
    assert make("dynamic_tanh").init(jax.random.key(0), x, True)["params"]["alpha"] == 0.5


def test_affine() -> None:
    x = normal((2, 5, 4), dtype=np.float32)
    y, p = evaluate("affine", x)
    assert relative_error(y, p["scale"] * x + p["bias"]) < 1e-6


@pytest.mark.parametrize("learned", [False, True])
def test_filter_response(learned: bool) -> None:
    """Singh & Krishnan 2019, equations 1-3."""
    x = normal((2, 3, 5, 4), dtype=np.float32)
    y, p = evaluate("filter_response", x, epsilon=0.1, learned_epsilon=learned)
    epsilon = 0.1 + (p["epsilon"] if learned else 0)
    standard = x / np.sqrt((x**2).mean((1, 2), keepdims=True) + epsilon)
    assert relative_error(y, np.maximum(p["scale"] * standard + p["bias"], p["threshold"])) < 1e-6


def test_filter_response_begins_as_relu_behind_the_division() -> None:
    x = normal((2, 3, 5, 4), dtype=np.float32)
    norm = make("filter_response")
    y = forward(norm, norm.init(jax.random.key(0), x, True), x)
    assert relative_error(y, np.maximum(x / np.sqrt((x**2).mean((1, 2), keepdims=True) + 1e-6), 0)) < 1e-6


def test_evonorm_b0() -> None:
    """Liu et al. 2020, table 2."""
    x = 2 * normal((4, 3, 5, 4), dtype=np.float32) + 1
    y, p = evaluate("evonorm_b0", x)
    batch, instance = x.var((0, 1, 2)), x.var((1, 2), keepdims=True)
    divisor = np.maximum(np.sqrt(batch + 1e-5), p["v"] * x + np.sqrt(instance + 1e-5))
    assert relative_error(y, x / divisor * p["scale"] + p["bias"]) < 1e-6


def test_evonorm_s0() -> None:
    """Liu et al. 2020, table 2."""
    x = 2 * normal((4, 3, 5, 8), dtype=np.float32) + 1
    y, p = evaluate("evonorm_s0", x, groups=2)
    var = np.repeat(x.reshape(4, 3, 5, 2, 4).var((1, 2, 4))[:, None, None], 4, axis=-1)
    assert relative_error(y, x * sigmoid(p["v"] * x) / np.sqrt(var + 1e-5) * p["scale"] + p["bias"]) < 1e-6


@pytest.mark.parametrize("name", ["evonorm_b0", "evonorm_s0"])
def test_evonorm_without_activation_is_affine(name: str) -> None:
    x = normal((2, 3, 5, 4), dtype=np.float32)
    norm = NORMS[name](activate=False)
    variables = random_variables(norm, x)
    assert set(variables) == {"params"}
    expected = x * variables["params"]["scale"] + variables["params"]["bias"]
    assert relative_error(forward(norm, variables, x), expected) < 1e-6


@pytest.mark.parametrize(("name", "across"), [("contrast", True), ("contrast_within", False)])
def test_contrast(name: str, across: bool) -> None:
    """Jarrett et al. 2009, section 2.1, place by place; the weights inside the border sum to one."""
    size, sigma, epsilon = 5, 1.3, 1e-5
    x = normal((2, 6, 7, 3)) + 4
    reach = size // 2

    def local_mean(x: np.ndarray) -> np.ndarray:
        mean = np.empty_like(x)
        for j, k in np.ndindex(x.shape[1:3]):
            rows = np.arange(max(j - reach, 0), min(j + reach + 1, x.shape[1]))
            columns = np.arange(max(k - reach, 0), min(k + reach + 1, x.shape[2]))
            w = np.exp(-((rows[:, None] - j) ** 2 + (columns - k) ** 2) / (2 * sigma**2))
            near = x[:, rows[:, None], columns]
            mean[:, j, k] = (near * (w / w.sum())[..., None]).sum((1, 2))
        return mean.mean(-1, keepdims=True) if across else mean

    v = x - local_mean(x)
    s = np.sqrt(local_mean(v**2) + epsilon)
    y, _ = evaluate(name, x.astype(np.float32), size=size, sigma=sigma, epsilon=epsilon)
    assert relative_error(y, v / np.maximum(s.mean((1, 2), keepdims=True), s)) < 1e-5


def test_lrn_within() -> None:
    size, alpha, beta, k = 3, 0.2, 0.75, 1.5
    x = normal((2, 4, 5, 3), dtype=np.float32)
    padded = np.pad(x**2, ((0, 0), (1, 1), (1, 1), (0, 0)))
    energy = sum(padded[:, i : i + 4, j : j + 5] for i in range(size) for j in range(size))
    y, _ = evaluate("lrn_within", x, size=size, alpha=alpha, beta=beta, k=k)
    assert relative_error(y, x / (k + alpha * energy) ** beta) < 1e-6


def test_lrn_reaches_as_far_as_its_window() -> None:
    """A single value moves the two channels on either side of it for size 5."""
    jacobian = jax.jit(jax.jacrev(lambda x: forward(make("lrn"), {}, x)))(np.ones((1, 9), np.float32))[0, :, 0]
    distance = np.abs(np.subtract.outer(np.arange(9), np.arange(9)))
    assert np.array_equal(jacobian != 0, distance <= 2)


def test_groups_see_their_own_channels_only() -> None:
    x = normal((1, 2, 2, 6), dtype=np.float32)
    norm = make("group", groups=3)
    variables = random_variables(norm, x)
    jacobian = jax.jit(jax.jacrev(lambda x: forward(norm, variables, x)))(x)
    coupled = np.abs(jacobian).max(axis=(0, 1, 2, 4, 5, 6)) > 1e-6
    assert np.array_equal(coupled, np.kron(np.eye(3), np.ones((2, 2))) > 0)


@pytest.mark.parametrize(
    ("groups", "shape", "expected"),
    [
        (None, (1, 4, 4, 64), 32),
        (None, (1, 4, 4, 16), 8),  # at least two channels in a group
        (None, (1, 4, 4, 7), 1),
        (8, (1, 4, 4, 12), 6),  # the largest divisor below
        (12, (1, 4, 4, 12), 12),
        (100, (1, 4, 4, 12), 12),
        (12, (1, 12), 6),  # no positions: one channel alone would become a constant
    ],
)
@pytest.mark.parametrize("name", ["group", "evonorm_s0"])
def test_groups_that_do_not_divide_are_mended(
    name: str, groups: int | None, shape: tuple[int, ...], expected: int
) -> None:
    assert make(name, groups=groups).resolved(jnp.zeros(shape)) == f"groups={expected}"


def test_layer_hwc_is_group_with_one_group() -> None:
    x = normal((2, 3, 5, 4), dtype=np.float32)
    assert relative_error(evaluate("layer_hwc", x)[0], evaluate("group", x, groups=1)[0]) < 1e-6


@pytest.mark.parametrize("name", ["batch", "layer", "layer_hwc", "group", "instance"])
def test_a_large_mean_costs_no_more_than_its_own_rounding(name: str) -> None:
    """At mean 1000 and deviation 1, float32 holds x to 3e-5; y is off by a few such steps at most."""
    x = (1000 + normal((16, 16, 16, 16))).astype(np.float32)
    norm = make(name)
    y = forward(norm, norm.init(jax.random.key(0), x[:1], True), x)
    with jax.enable_x64(True):
        exact = np.asarray(forward(norm, norm.init(jax.random.key(0), x[:1], True), x.astype(np.float64)))
    assert np.abs(np.asarray(y, np.float64) - exact).max() < 5e-4


@pytest.mark.parametrize("name", ["instance", "contrast_within"])
def test_a_single_position_is_refused(name: str) -> None:
    x = np.ones((2, 1, 1, 4), np.float32)
    with pytest.raises(UserError, match=rf"^norm '{name}' at .*: a single position \(2, 1, 1, 4\)"):
        make(name).init(jax.random.key(0), x, True)
