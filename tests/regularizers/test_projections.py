"""Projections: idempotent, within their bounds, at their time, and on kernels alone."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.regularizers import PROJECTIONS
from tests.layers.norms.support import normal, relative_error

SHAPES = ((3, 3, 2, 5), (4, 9), (6, 6), (1, 1, 1, 3))
OF_KERNELS = sorted(set(PROJECTIONS) - {"bounded_batch_norm"})
STATE = {"batch_stats": {"norm": {"mean": jnp.zeros(5), "var": jnp.array([1.0, 4.0, 9.0, 0.25, 0.01])}}}


def make(entry: str, **arguments: Any) -> Any:
    return resolve(PROJECTIONS, dict(name=entry, **arguments), "projection")()


def params(scale: float = 2.0) -> dict[str, Any]:
    kernels = {f"layer{i}": {"kernel": jnp.asarray(scale * normal(s, i), jnp.float32)} for i, s in enumerate(SHAPES)}
    return {**kernels, "norm": {"scale": jnp.arange(1.0, 6.0), "bias": jnp.ones(5)}}


def matrices(tree: dict[str, Any]) -> list[np.ndarray]:
    kernels = (tree[f"layer{i}"]["kernel"] for i in range(len(SHAPES)))
    return [np.asarray(kernel).reshape(-1, kernel.shape[-1]) for kernel in kernels]


@pytest.mark.parametrize("entry", OF_KERNELS)
def test_projecting_twice_is_projecting_once(entry: str) -> None:
    project = make(entry, every=1)
    once = project(params(), 0)
    twice = project(once, 1)
    for a, b, start in zip(*map(jax.tree.leaves, (once, twice, params())), strict=True):
        assert a.dtype == start.dtype and a.shape == start.shape
        assert relative_error(b, a) < 1e-6
    assert any(not np.array_equal(a, b) for a, b in zip(*map(matrices, (once, params())), strict=True))


@pytest.mark.parametrize("entry", OF_KERNELS)
def test_kernels_alone_are_projected(entry: str) -> None:
    found = make(entry, every=1)(params(), 0, STATE)["norm"]
    jax.tree.map(np.testing.assert_array_equal, found, params()["norm"])


@pytest.mark.parametrize("epsilon", [0.0, 0.05, 0.5])
@pytest.mark.parametrize("scale", [0.01, 1.0, 100.0])
def test_singular_values_are_bounded(scale: float, epsilon: float) -> None:
    """Within [1 / (1 + epsilon), 1 + epsilon]; those that were inside keep their place, and all keep their vectors."""
    start = params(scale)
    projected = jax.jit(make("singular_value_bounding", every=1, epsilon=epsilon))(start, 0)
    for before, after in zip(matrices(start), matrices(projected), strict=True):
        left, values, right = np.linalg.svd(before, full_matrices=False)
        found = np.linalg.svd(after, compute_uv=False)
        assert np.all(found >= 1 / (1 + epsilon) - 1e-5) and np.all(found <= 1 + epsilon + 1e-5)
        expected = (left * np.clip(values, 1 / (1 + epsilon), 1 + epsilon)) @ right
        assert relative_error(after, expected) < 1e-4


def test_max_norm_shortens_what_is_too_long() -> None:
    start = params(1.0)
    for before, after in zip(matrices(start), matrices(make("max_norm", limit=1.5)(start, 0)), strict=True):
        lengths = np.linalg.norm(before, axis=0)
        np.testing.assert_allclose(after, before * np.minimum(1, 1.5 / lengths), rtol=1e-5)
    zero = {"kernel": jnp.zeros((2, 3))}
    np.testing.assert_array_equal(make("max_norm")(zero, 0)["kernel"], 0)


def test_unit_norm_makes_every_filter_one_long() -> None:
    for before, after in zip(matrices(params()), matrices(make("unit_norm")(params(), 0)), strict=True):
        np.testing.assert_allclose(np.linalg.norm(after, axis=0), 1, rtol=1e-6)
        np.testing.assert_allclose(after * np.linalg.norm(before, axis=0), before, rtol=1e-5)
    zero = {"kernel": jnp.zeros((2, 3))}
    np.testing.assert_array_equal(make("unit_norm")(zero, 0)["kernel"], 0)


@pytest.mark.parametrize("entry", PROJECTIONS)
def test_every_third_update_is_followed_by_a_projection(entry: str) -> None:
    project, always = jax.jit(make(entry, every=3)), make(entry, every=1)
    projected = always(params(), 0, STATE)
    for step in range(6):
        expected = projected if step in (2, 5) else params()
        for a, b in zip(*map(jax.tree.leaves, (project(params(), step, STATE), expected)), strict=True):
            assert relative_error(a, b) < 1e-5


def test_bounded_batch_norm_bounds_what_the_channels_are_multiplied_by() -> None:
    """scale / deviation within mean / (1 + epsilon) and mean (1 + epsilon); the rest of the network stays."""
    project = make("bounded_batch_norm", every=1, epsilon=0.2, variance_epsilon=0.0)
    found = project(params(), 0, STATE)
    deviation = np.sqrt(STATE["batch_stats"]["norm"]["var"])
    slope = np.arange(1.0, 6.0) / deviation
    expected = np.clip(slope, slope.mean() / 1.2, slope.mean() * 1.2) * deviation
    np.testing.assert_allclose(found["norm"]["scale"], expected, rtol=1e-5)
    found["norm"]["scale"] = params()["norm"]["scale"]
    jax.tree.map(np.testing.assert_array_equal, found, params())


def test_bounded_batch_norm_finds_the_norms_of_a_network_by_their_running_variance() -> None:
    project = make("bounded_batch_norm", every=1, epsilon=0.0, variance_epsilon=0.0)
    overrides = {"stage_sizes": (1, 1), "width": 4}
    for norm, bounded in (("batch", True), ("group", False)):
        model = dv.create_model("cifar_resnet20", norm=norm, overrides=overrides)
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.ones((1, 8, 8, 3)))
        start = jax.tree.map(lambda leaf: jnp.asarray(1 + np.random.default_rng(0).random(leaf.shape)), shapes)
        found = project(start["params"], 0, start)
        for (path, a), b in zip(
            jax.tree_util.tree_leaves_with_path(found), jax.tree.leaves(start["params"]), strict=True
        ):
            changed = not np.array_equal(a, b)
            assert changed == (bounded and path[-1].key == "scale"), jax.tree_util.keystr(path)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("unit_norm(every=0)", "projection 'unit_norm': every must be a whole number, at least 1, got 0"),
        ("max_norm(limit=0)", "projection 'max_norm': limit must be a number above 0, got 0"),
        ("singular_value_bounding(epsilon=-1)", "epsilon must be a number, at least 0, got -1"),
        ("bounded_batch_norm(variance_epsilon='a')", "variance_epsilon must be a number, at least 0, got 'a'"),
        ("max_nrom", "did you mean 'max_norm'?"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(choice: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        resolve(PROJECTIONS, choice, "projection")()
    assert message in str(error.value) and "\n" not in str(error.value)


def test_bounded_batch_norm_asks_for_the_statistics() -> None:
    with pytest.raises(UserError, match="needs the running variances"):
        make("bounded_batch_norm", every=1)(params(), 0)
