"""Laws of every entry of the table."""

from __future__ import annotations

from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax.test_util import check_grads

from deepvision.choices import resolve
from deepvision.layers.pooling import POOLINGS, Window

# What a window comes to, from the values inside the plane and the number of places, those in the padding included.
REFERENCES: dict[str, Callable[[np.ndarray, int], float]] = {
    "max": lambda values, places: values.max(),
    "avg": lambda values, places: values.sum() / places,
    "sum": lambda values, places: values.sum(),
    "lp": lambda values, places: np.sqrt((values**2).sum()),
    "generalized_mean": lambda values, places: np.cbrt((np.maximum(values, 1e-6) ** 3).mean()),
    "mixed": lambda values, places: (values.max() + values.mean()) / 2,
    "stochastic": lambda values, places: np.average(values, weights=np.maximum(values, 0) + 1e-300),
    "subsampling": lambda values, places: values.sum() / 9,
}
GEOMETRIES = {
    "touching": Window(3),
    "overlapping": Window(3, 2, padding=1, ceil=True),
}


def pooled(name: str, window: Window | None, channels: int = 2) -> Callable[[jax.Array], jax.Array]:
    """Returns a freshly initialized pooling in evaluation, as a function of x."""
    module = resolve(POOLINGS, name, "pool")(window=window)
    side = window.size if window else 1
    variables = jax.jit(lambda x: module.init(jax.random.key(0), x, train=False))(jnp.zeros((1, side, side, channels)))
    return jax.jit(lambda x: module.apply(variables, x, train=False))


def images(dtype: type = np.float32, height: int = 8, width: int = 10) -> jax.Array:
    return jax.random.normal(jax.random.key(1), (2, height, width, 2), dtype)


def by_hand(function: Callable[[np.ndarray, int], float], x: np.ndarray, window: Window) -> np.ndarray:
    """Pools one plane [h, w], window by window."""

    def ranges(length: int) -> list[tuple[int, int, int]]:
        starts = range(-window.padding, length + window.padding - (1 if window.ceil else window.size) + 1, window.step)
        end = length + window.padding
        kept = [start for start in starts if start < length]  # a window may not begin in the padding behind
        return [
            (max(s, 0), min(s + window.size, length), min(s + window.size, end) - s)
            for s in kept
            if window.ceil and (s == kept[0] or s - window.step + window.size < end) or s + window.size <= end
        ]

    rows, columns = ranges(x.shape[0]), ranges(x.shape[1])
    return np.array([[function(x[a:b, c:d], m * n) for c, d, n in columns] for a, b, m in rows])


def test_every_entry_has_a_reference() -> None:
    assert {*REFERENCES, "blur", "gaussian"} == set(POOLINGS)  # these two: in test_entries.py


@pytest.mark.parametrize("geometry", GEOMETRIES)
@pytest.mark.parametrize("name", REFERENCES)
def test_windows(name: str, geometry: str) -> None:
    window = GEOMETRIES[geometry]
    with jax.enable_x64(True):
        x = images(np.float64)
        y = np.asarray(pooled(name, window)(x))
    expected = by_hand(REFERENCES[name], np.asarray(x)[1, :, :, 0], window)
    np.testing.assert_allclose(y[1, :, :, 0], expected, rtol=1e-9)


@pytest.mark.parametrize("name", POOLINGS)
def test_global_pooling_is_a_window_over_the_whole_plane(name: str) -> None:
    x = images(height=5, width=5)
    y = pooled(name, None)(x)
    assert y.shape == (2, 2)
    whole = pooled(name, Window(5))(x)[:, 0, 0]
    if name == "subsampling":  # its scale starts at one over the positions it was made for
        whole = whole * 25
    np.testing.assert_allclose(y, whole, rtol=1e-5)


@pytest.mark.parametrize(
    "name",
    ["max", "avg(count_include_pad=False)", "generalized_mean", "mixed", "stochastic", "blur", "blur(before='avg')"],
)
def test_padding_does_not_count(name: str) -> None:
    y = pooled(name, Window(3, 2, padding=1, ceil=True))(jnp.full((1, 8, 10, 2), 3.0))
    np.testing.assert_allclose(y, 3, rtol=1e-5)


@pytest.mark.parametrize("window", [Window(3, 2, padding=1, ceil=True), None])
@pytest.mark.parametrize("name", POOLINGS)
def test_gradients_match_finite_differences(name: str, window: Window | None) -> None:
    with jax.enable_x64(True):
        f = pooled(name, window)
        check_grads(f, (images(np.float64),), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", ["generalized_mean", "mixed", "subsampling"])
def test_parameters_learn_by_their_gradients(name: str) -> None:
    module = POOLINGS[name](window=Window(3, 2))
    with jax.enable_x64(True):
        x = images(np.float64)
        params = module.init(jax.random.key(0), x, train=False)["params"]
        f = jax.jit(lambda params: module.apply({"params": params}, x, train=False))
        check_grads(f, (params,), order=1, modes=["rev"], atol=1e-6, rtol=1e-6)


@pytest.mark.parametrize("name", POOLINGS)
def test_neither_jit_nor_other_axes_matter(name: str) -> None:
    """One axis of positions, two or three: where all but one hold a single position, it is the same."""
    f, x = pooled(name, Window(1, 2)), images()
    with jax.disable_jit():
        eager = f(x)
    np.testing.assert_allclose(f(x), eager, rtol=1e-5)
    rows = x[:, :, 0]
    for shape in ((2, 1, 8, 2), (2, 8, 1, 1, 2)):
        np.testing.assert_allclose(f(rows.reshape(shape)).reshape(2, 4, 2), f(rows), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("window", [Window(3, 2, padding=1), None])
@pytest.mark.parametrize("name", POOLINGS)
def test_bfloat16_is_finite_and_near(name: str, window: Window | None) -> None:
    f, x = pooled(name, window), images(jnp.bfloat16)
    y, pull = jax.vjp(f, x)
    (gradient,) = pull(jnp.ones_like(y))
    assert y.dtype == gradient.dtype == jnp.bfloat16
    assert jnp.all(jnp.isfinite(y)) and jnp.all(jnp.isfinite(gradient))
    np.testing.assert_allclose(y.astype(jnp.float32), f(x.astype(jnp.float32)), rtol=0.01, atol=1e-6)


@pytest.mark.parametrize("window", [Window(2), None])
@pytest.mark.parametrize("name", POOLINGS)
def test_silent_windows_have_finite_gradients(name: str, window: Window | None) -> None:
    """Behind a relu, whole windows are zero."""
    f = pooled(name, window)
    value, gradient = jax.value_and_grad(lambda x: jnp.sum(f(x)))(jnp.zeros((1, 4, 4, 2)))
    assert jnp.isfinite(value) and jnp.all(jnp.isfinite(gradient))


@pytest.mark.parametrize("window", [Window(2), None])
@pytest.mark.parametrize("name", POOLINGS)
def test_what_is_not_a_number_stays_so(name: str, window: Window | None) -> None:
    """Else a network that diverges would not show it."""
    places = jnp.eye(16, dtype=bool).reshape(16, 4, 4, 1)
    y = pooled(name, window)(jnp.where(places, jnp.nan, jnp.ones((16, 4, 4, 2))))
    assert np.all(np.any(np.isnan(y.reshape(16, -1)), axis=1))
