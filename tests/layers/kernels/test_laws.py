"""Laws that every parameterization keeps, on every kind of layer; generated from the table."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.layers.kernels import KERNELS
from tests.layers.kernels.support import GROUPS, LAYERS, SHAPES, Reader, fresh, make, matrix, read
from tests.layers.norms.support import normal, relative_error

CELLS = [(entry, kind) for entry in KERNELS for kind in LAYERS]


def scrambled(variables: Any, seed: int = 0) -> Any:
    """Returns the variables with other learned values, so that nothing stands at its initial value."""
    generator = np.random.default_rng(seed)
    params = jax.tree.map(
        lambda leaf: jnp.asarray(leaf * generator.uniform(0.5, 1.5, leaf.shape), leaf.dtype), variables["params"]
    )
    return {**variables, "params": params}


@pytest.mark.parametrize(("entry", "kind"), CELLS)
def test_the_layer_computes_with_the_kernel_that_is_read(entry: str, kind: str) -> None:
    """The learned array starts as that of `plain`; the output is that of a plain layer with the kernel read from it."""
    layer, shape = make(kind, entry)
    plain, _ = make(kind, "plain")
    x = jnp.asarray(normal(shape), jnp.float32)
    variables, plain_variables = (module.init(jax.random.key(1), x) for module in (layer, plain))
    assert plain_variables["params"]["kernel"].shape == SHAPES[kind]
    np.testing.assert_array_equal(variables["params"]["kernel"], plain_variables["params"]["kernel"])

    variables = scrambled(variables)
    kernel, _ = read(KERNELS[entry](groups=GROUPS.get(kind, 1)), variables)
    expected = plain.apply({"params": {"kernel": kernel, "bias": variables["params"]["bias"]}}, x)
    assert relative_error(layer.apply(variables, x), expected) < 1e-5


@pytest.mark.parametrize("entry", KERNELS)
def test_compiled_and_not_agree(entry: str) -> None:
    parameterization = KERNELS[entry](groups=2)
    variables = scrambled(fresh(parameterization, normal(SHAPES["grouped"], dtype=np.float32)))

    def step(variables: Any) -> Any:
        return read(parameterization, variables, train=True)

    found, expected = jax.jit(step)(variables), step(variables)
    for a, b in zip(*map(jax.tree.leaves, (found, expected)), strict=True):
        assert relative_error(a, b) < 1e-5


@pytest.mark.parametrize("kind", ["conv", "wide dense", "depthwise"])
@pytest.mark.parametrize("entry", KERNELS)
def test_what_the_kernel_ignores(entry: str, kind: str) -> None:
    """Exactly the changes of the learned array that the entry declares; the kernels here are tall, wide and grouped."""
    parameterization = KERNELS[entry](groups=GROUPS.get(kind, 1))
    v = normal(SHAPES[kind])
    changes = {
        "kernel_scale": lambda v: 3.0 * v,
        "filter_scale": lambda v: v * np.arange(1.0, 1 + v.shape[-1]),
        "filter_shift": lambda v: v + np.arange(1.0, 1 + v.shape[-1]),
    }
    with jax.enable_x64(True):
        made = fresh(parameterization, v)
        kernel, _ = read(parameterization, made)

        def ignored(change: Any) -> bool:
            vectors = {"batch_stats": fresh(parameterization, change(v)).get("batch_stats", {})}
            changed, _ = read(parameterization, {**made, **vectors, "params": {**made["params"], "kernel": change(v)}})
            return relative_error(changed, kernel) < 1e-5

        found = {name for name, change in changes.items() if ignored(change)}
    if entry == "orthogonal" and kind != "wide dense":
        found -= {"filter_scale"}  # which it ignores as well, but not where kernels are wide
    assert found == parameterization.ignores


@pytest.mark.parametrize("kind", ["dense", "wide grouped"])
@pytest.mark.parametrize("entry", KERNELS)
def test_gradients_are_those_of_finite_differences(entry: str, kind: str) -> None:
    parameterization = KERNELS[entry](groups=GROUPS.get(kind, 1))
    with jax.enable_x64(True):
        variables = scrambled(fresh(parameterization, normal(SHAPES[kind])))
        cotangent = jnp.asarray(normal(SHAPES[kind], seed=1))

        def value(params: Any) -> jax.Array:
            return jnp.vdot(read(parameterization, {**variables, "params": params})[0], cotangent)

        gradient = jax.grad(value)(variables["params"])
        direction = jax.tree.map(lambda leaf: jnp.asarray(normal(leaf.shape, seed=2)), variables["params"])
        step = 1e-5
        ahead, behind = (
            value(jax.tree.map(lambda p, d, s=sign: p + s * step * d, variables["params"], direction))
            for sign in (1, -1)
        )
        expected = float(ahead - behind) / (2 * step)
        found = float(sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, direction))))
    assert abs(found - expected) < 1e-7 * abs(expected)


@pytest.mark.parametrize(("entry", "kind"), [(entry, kind) for entry in KERNELS for kind in ("grouped", "wide dense")])
def test_bfloat16_is_finite_and_close(entry: str, kind: str) -> None:
    layer, shape = make(kind, entry)
    x = jnp.asarray(normal(shape), jnp.float32)
    variables = layer.init(jax.random.key(1), x)
    expected = layer.apply(variables, x)
    half = {**variables, "params": jax.tree.map(lambda leaf: leaf.astype(jnp.bfloat16), variables["params"])}
    for given in (variables, half):  # computed, and also kept, in bfloat16
        y = make(kind, entry, dtype="bfloat16")[0].apply(given, x)
        assert y.dtype == jnp.bfloat16
        assert relative_error(y, expected) < 0.05


@pytest.mark.parametrize("entry", KERNELS)
def test_replicas_under_vmap_equal_single_ones(entry: str) -> None:
    reader = Reader(KERNELS[entry](), (3, 3, 4, 6))
    keys = jax.random.split(jax.random.key(0), 3)
    variables = jax.vmap(reader.init)(keys)

    def step(variables: Any) -> jax.Array:
        return reader.apply(variables, train=True, mutable=["batch_stats"])[0]

    together = jax.vmap(step)(variables)
    alone = [step(reader.init(key)) for key in keys]
    assert relative_error(together, np.stack(alone)) < 1e-5


@pytest.mark.parametrize("entry", KERNELS)
def test_filters_of_one_weight_stay_alive(entry: str) -> None:
    """What is behind a bottleneck of one unit has such filters; nothing there may vanish or be undefined."""
    v = normal((1, 6), dtype=np.float32)
    made = fresh(KERNELS[entry](), v)
    kernel, _ = read(KERNELS[entry](), made)
    assert np.all(np.isfinite(kernel)) and np.all(np.abs(kernel) > 0.01)
    np.testing.assert_array_equal(np.sign(kernel), np.sign(v))


@pytest.mark.parametrize("entry", KERNELS)
def test_training_alone_moves_what_is_carried(entry: str) -> None:
    """In evaluation nothing changes; no entry keeps a state that a gradient could reach."""
    v = normal((3, 3, 4, 6), dtype=np.float32)
    made = fresh(KERNELS[entry](), v)
    other = {**made, "params": {**made["params"], "kernel": jnp.asarray(normal(v.shape, seed=1, dtype=np.float32))}}
    evaluated = read(KERNELS[entry](), other)[1].get("batch_stats", {})
    jax.tree.map(np.testing.assert_array_equal, evaluated, made.get("batch_stats", {}))
    trained = read(KERNELS[entry](), other, train=True)[1].get("batch_stats", {})
    moved = [not np.array_equal(a, b) for a, b in zip(*map(jax.tree.leaves, (trained, evaluated)), strict=True)]
    assert moved == ([True, True] if entry == "spectral_norm" else [])


@pytest.mark.parametrize("entry", KERNELS)
def test_kernels_are_matrices_of_finite_entries(entry: str) -> None:
    kernel = matrix(read(KERNELS[entry](), fresh(KERNELS[entry](), normal((3, 3, 4, 6), dtype=np.float32)))[0])
    assert kernel.dtype == np.float32 and np.all(np.isfinite(kernel)) and np.linalg.matrix_rank(kernel) == 6
