"""Laws that every entry of the table obeys: what it couples, what it ignores, and that it computes what it says."""

from __future__ import annotations

import functools
import inspect
import itertools
import re

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepvision.choices import user_arguments
from deepvision.errors import UserError
from deepvision.layers.layers import Layers
from deepvision.layers.norms import NORMS, BatchStatistics
from tests.layers.norms.support import forward, make, normal, random_variables, relative_error

every_norm = pytest.mark.parametrize("name", NORMS)
SUBSETS = ["".join(axes) for count in range(4) for axes in itertools.combinations(("n", "hw", "c"), count)]


@every_norm
def test_is_declared(name: str) -> None:
    """Its declarations are its own or its family's, and its docstring has equation, arguments and source."""
    entry = NORMS[name]
    assert entry.word == name
    assert set(entry.couples) <= set("nhwc")
    for ignored in (entry.ignores_scale, entry.ignores_shift):
        assert ignored is None or not set(ignored) & set(entry.couples)
    text = inspect.getdoc(entry)
    assert text.startswith("y")
    assert "Source:" in text or name == "none"
    parameters = set(inspect.signature(entry).parameters) - {"name", "parent", *entry.site_arguments}
    described = re.search(r"Attributes:\n(.*?)\n(?=\S)", text, re.S) if parameters else None
    for parameter in parameters:
        assert re.search(rf"\b{parameter}\b", described[1]), parameter


@every_norm
def test_jacobian_couples_the_declared_axes(name: str) -> None:
    with jax.enable_x64(True):
        x = normal((2, 2, 3, 4))
        norm = make(name)
        variables = random_variables(norm, x)
        jacobian = {
            train: jax.jit(jax.jacrev(lambda x, t=train: forward(norm, variables, x, t)))(x) for train in (0, 1)
        }
    places = np.array(list(np.ndindex(x.shape)))
    differ = places[:, None] != places  # [output, input, axis]
    for train in (False, True):
        matrix = np.abs(np.asarray(jacobian[train])).reshape(x.size, x.size)
        coupled = differ[matrix > 1e-12 * matrix.max()]
        alone = coupled[coupled.sum(axis=1) == 1].any(axis=0)  # by axis: are two values coupled that differ there only?
        expected = [axis in NORMS[name].couples and (train or axis != "n") for axis in "nhwc"]
        if train or not issubclass(NORMS[name], BatchStatistics):
            assert list(alone) == expected
            assert not coupled[:, ~np.array(expected)].any()
        else:
            assert not coupled[:, 0].any()


@every_norm
@pytest.mark.parametrize("change", ["scale", "shift"])
def test_ignores_the_declared_changes_of_the_input(name: str, change: str) -> None:
    """Of all factors (or constants) that vary along some axes, y ignores those that it declares, and no others."""
    norm = without_epsilon(name)
    ignored = NORMS[name].ignores_scale if change == "scale" else NORMS[name].ignores_shift
    with jax.enable_x64(True):
        x = normal((4, 3, 3, 6))
        run = functools.partial(forward, norm, random_variables(norm, x))
        y = run(x)
        for axes in SUBSETS:
            shape = [size if axis in axes else 1 for axis, size in zip("nhwc", x.shape, strict=True)]
            amount = np.random.default_rng(1).uniform(1.5, 3, shape)
            error = relative_error(run(x * amount if change == "scale" else x + amount), y)
            expected = ignored is not None and set(axes) <= set(ignored)
            assert error < 1e-10 if expected else error > 1e-3, (axes, error)


@every_norm
def test_ignores_the_declared_rescalings_of_the_kernel(name: str) -> None:
    """A factor of the kernel in front is one of its outputs: for the whole kernel, or for each of its filters."""
    norm = without_epsilon(name)
    ignored = NORMS[name].ignores_scale
    layout = ("NHWC", "HWIO", "NHWC")
    with jax.enable_x64(True):
        x, kernel = normal((2, 4, 4, 3)), normal((3, 3, 3, 4), seed=1)
        variables = random_variables(norm, kernel)

        @jax.jit
        def run(kernel: jax.Array) -> jax.Array:
            images = lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=layout)
            return forward(norm, variables, images)

        whole, filters = (relative_error(run(kernel * factor), run(kernel)) for factor in (2.5, np.arange(2.0, 6.0)))
    assert whole < 1e-10 if ignored is not None else whole > 1e-3
    assert filters < 1e-10 if ignored is not None and "c" in ignored else filters > 1e-3


def without_epsilon(name: str) -> nn.Module:
    """Returns the norm without what keeps it from dividing by zero: what it ignores, it ignores exactly then."""
    return make(name, epsilon=0.0) if "epsilon" in user_arguments(NORMS[name]) else make(name)


@every_norm
def test_accepts_any_rank(name: str) -> None:
    x = normal((4, 1, 7, 6), dtype=np.float32)
    norm = make(name)
    variables = random_variables(norm, x)
    images, tokens = forward(norm, variables, x), forward(norm, variables, x[:, 0])
    np.testing.assert_allclose(images[:, 0], tokens, rtol=1e-5, atol=1e-6)
    vectors = forward(norm, variables, x[:, 0, 0])
    assert vectors.shape == (4, 6)
    assert np.isfinite(vectors).all()


@every_norm
@pytest.mark.parametrize("train", [True, False])
def test_bfloat16_is_the_rounded_float32(name: str, train: bool) -> None:
    x = jnp.asarray(100 * normal((4, 3, 3, 6)) + 50, jnp.bfloat16)
    norm = make(name)
    variables = random_variables(norm, x.astype(jnp.float32))
    half, single = (forward(norm, variables, x.astype(dtype), train) for dtype in (jnp.bfloat16, jnp.float32))
    assert half.dtype == jnp.bfloat16
    assert np.isfinite(half.astype(jnp.float32)).all()
    np.testing.assert_allclose(half.astype(jnp.float32), single, rtol=2**-8, atol=1e-5)


@every_norm
def test_parameters_are_float32_and_not_shared(name: str) -> None:
    class Twice(nn.Module):
        @nn.compact
        def __call__(self, x: jax.Array) -> jax.Array:
            bound = Layers(norm=name).bind(train=True)
            return bound.norm(name="norm2")(bound.norm(name="norm1")(x))

    x = normal((2, 3, 3, 4), dtype=np.float32)
    once = jax.eval_shape(lambda: make(name).init(jax.random.key(0), x, True))
    twice = jax.eval_shape(lambda: Twice().init(jax.random.key(0), x))
    if not NORMS[name].activates:
        assert len(jax.tree.leaves(twice)) == 2 * len(jax.tree.leaves(once))
    assert all(set(collection) == {"norm1", "norm2"} for collection in twice.values())
    assert all(leaf.dtype == jnp.float32 for leaf in jax.tree.leaves((once, twice)))


@every_norm
def test_bias_and_activation_are_as_declared(name: str) -> None:
    x = normal((2, 3, 3, 4), dtype=np.float32)
    entry = NORMS[name]
    variables = {activate: random_variables(entry(activate=activate), x) for activate in (True, False)}
    assert all(("bias" in made.get("params", {})) == entry.shifts for made in variables.values())
    active, passive = (forward(entry(activate=activate), variables[True], x) for activate in (True, False))
    assert (relative_error(active, passive) > 1e-3) == entry.activates


@every_norm
def test_training_and_evaluation_differ_only_by_running_averages(name: str) -> None:
    x = 10 * normal((4, 3, 3, 4), dtype=np.float32) + 20  # too far off for batch renormalization to correct
    norm = make(name)
    variables = random_variables(norm, x)
    run = jax.jit(functools.partial(norm.apply, mutable=["batch_stats"]), static_argnums=2)
    (trained, updates), (evaluated, kept) = run(variables, x, True), run(variables, x, False)
    assert ("batch_stats" in variables) == ("n" in NORMS[name].couples) == issubclass(NORMS[name], BatchStatistics)
    if "batch_stats" not in variables:
        assert not updates
        assert np.array_equal(trained, evaluated)
        return
    before, moved, same = (jax.tree.leaves(tree["batch_stats"]) for tree in (variables, updates, kept))
    assert all(np.abs(a - b).max() > 1e-3 for a, b in zip(before, moved, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(before, same, strict=True))
    assert relative_error(trained, evaluated) > 1e-3
    frozen = jax.jit(norm.apply, static_argnums=2)(variables, x, True)  # the batch's moments still, but no update
    np.testing.assert_allclose(frozen, trained, rtol=1e-5, atol=1e-5)


@every_norm
def test_jit_and_replicas_change_nothing(name: str) -> None:
    x = normal((2, 4, 3, 3, 4), dtype=np.float32)
    norm = make(name)
    replicas = [random_variables(norm, x[0], seed) for seed in range(2)]
    one_by_one = [norm.apply(variables, x[r], True, mutable=["batch_stats"]) for r, variables in enumerate(replicas)]
    run = jax.jit(jax.vmap(lambda variables, x: norm.apply(variables, x, True, mutable=["batch_stats"])))
    together = run(jax.tree.map(lambda *leaves: np.stack(leaves), *replicas), x)
    for r, alone in enumerate(one_by_one):
        jax.tree.map(lambda a, b, r=r: np.testing.assert_allclose(b[r], a, rtol=1e-5, atol=1e-6), alone, together)


@pytest.mark.parametrize(
    ("name", "train"),
    [(name, train) for name, entry in NORMS.items() for train in (True, False) if train or "n" in entry.couples],
)
def test_gradients_equal_finite_differences(name: str, train: bool) -> None:
    """By input and parameters, to the second order: along a line, slopes of y and of its gradient, in float64."""
    # The corrections of batch renormalization are constants to the gradient, which differences cannot know of.
    norm = make(name, **(dict(r_max=1.0, d_max=0.0) if name == "batch_renorm" else {}))
    with jax.enable_x64(True):
        variables = random_variables(norm, normal((2, 2, 2, 4)))
        state = {key: value for key, value in variables.items() if key != "params"}
        point = variables.get("params", {}), normal((2, 2, 2, 4))
        line = jax.tree.map(lambda leaf: normal(leaf.shape, seed=leaf.size), point)
        cotangent = normal((2, 2, 2, 4), seed=3)

        def values(distance: float) -> tuple[jax.Array, tuple]:
            params, x = jax.tree.map(lambda start, step: start + distance * step, point, line)
            y, pull = jax.vjp(lambda params, x: forward(norm, {**state, "params": params}, x, train), params, x)
            return y, pull(cotangent)

        reach = 1e-6
        (_, gradient), slopes = jax.jit(lambda: jax.jvp(values, (0.0,), (1.0,)))()
        above, below = (jax.jit(values)(distance) for distance in (reach, -reach))
    gradient, slopes, above, below = jax.tree.map(np.asarray, (gradient, slopes, above, below))
    slope = sum(np.vdot(a, b) for a, b in zip(jax.tree.leaves(gradient), jax.tree.leaves(line), strict=True))
    np.testing.assert_allclose(slope, np.vdot(slopes[0], cotangent), rtol=1e-10)
    for high, low, exact in zip(*map(jax.tree.leaves, (above, below, slopes)), strict=True):
        np.testing.assert_allclose((high - low) / (2 * reach), exact, rtol=1e-6, atol=1e-7)


@every_norm
def test_zeros_have_a_finite_gradient(name: str) -> None:
    """A map that is zero everywhere, as behind a dead ReLU, poisons no gradient."""
    x = np.zeros((2, 3, 3, 4), np.float32)
    norm = make(name)
    variables = random_variables(norm, x)
    gradient = jax.jit(jax.grad(lambda x: jnp.sum(jnp.sin(forward(norm, variables, x)))))(x)
    assert np.isfinite(gradient).all()


@every_norm
def test_bad_arguments_are_refused_in_one_line(name: str) -> None:
    for word, parameter in user_arguments(NORMS[name]).items():
        for value in (-1, float("nan"), "nonsense", []):
            with pytest.raises(UserError) as caught:
                make(name, **{parameter: value})
            message = str(caught.value)
            assert message.startswith(f"norm {name!r}: {word} must be ")
            assert repr(value) in message
            assert "\n" not in message


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("batch", dict(momentum=1.0)),
        ("batch", dict(statistics_scope="local")),
        ("batch", dict(ghost_size=0)),
        ("batch_renorm", dict(r_max=0.9)),
        ("group", dict(groups=0)),
        ("evonorm_s0", dict(groups=2.5)),
        ("lrn", dict(k=0.0)),
        ("lrn_within", dict(size=4)),
        ("contrast", dict(size=8)),
        ("contrast", dict(sigma=0.0)),
        ("dynamic_tanh", dict(alpha=0.0)),
    ],
)
def test_borders_of_ranges_are_refused(name: str, arguments: dict) -> None:
    with pytest.raises(UserError, match=f"^norm '{name}': .* must be "):
        make(name, **arguments)
