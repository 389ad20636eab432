"""What is particular to the neocognitron: cells per layer, what an S-cell answers to, what a C-cell makes of it."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import deepvision as dv
from deepvision import ops
from deepvision.layers.pooling import Window
from deepvision.models.neocognitron import Stage

LAYERS = dv.create_model("neocognitron").layers.bind(train=False)
PATTERN = jax.random.uniform(jax.random.key(0), (1, 5, 5, 2))
TAPS = ops.gaussian_window(5, 1.25)
NEARNESS = np.outer(TAPS, TAPS)[..., None] / 2  # the paper's c, over the window and two planes


def _rectified(x, kernel, inhibition, r):
    """Returns what one S-cell in the middle of a 5x5 image rectifies."""
    stage = Stage(LAYERS, 1, kernel=5, padding=0, first=True, selectivity=r)
    params = {"conv": {"kernel": jnp.asarray(kernel)[..., None]}, "inhibition": jnp.full(1, inhibition)}
    return float(stage.apply({"params": params}, x).squeeze())


def test_cells_per_layer_are_those_of_the_paper():
    sites = dv.describe(dv.create_model("neocognitron"), (16, 16, 1)).sites
    assert [site.shape[1:] for site in sites if site.kind == "act"] == [(16, 16, 24), (8, 8, 24), (2, 2, 24)]
    shapes = jax.eval_shape(
        lambda x: dv.create_model("neocognitron").init_with_output(jax.random.key(0), x, pyramid=True)[0],
        jax.ShapeDtypeStruct((1, 16, 16, 1), jnp.float32),
    )
    assert [shape.shape[1:] for shape in shapes] == [(10, 10, 24), (6, 6, 24), (1, 1, 24)]


def test_parameters_are_counted():
    description = dv.describe(dv.create_model("neocognitron"), (16, 16, 1))
    assert description.parameters == 25 * 24 + 2 * 25 * 24 * 24 + 3 * 24 + 24 * 10 + 10
    assert description.macs == 25 * (16 * 16 * 24 + (8 * 8 + 2 * 2) * 24 * 24) + 240


def test_an_s_cell_is_equation_one():
    x, r, b = np.asarray(PATTERN[0]), 4.0, 0.7
    kernel = np.random.default_rng(0).standard_normal((5, 5, 2))
    strength = np.sqrt(np.sum(NEARNESS * x**2))
    quotient = (1 + np.sum(np.abs(kernel) * x)) / (1 + 2 * r / (1 + r) * b * strength)
    np.testing.assert_allclose(_rectified(PATTERN, kernel, -b, r), max(r * (quotient - 1), 0), rtol=1e-5)


def test_an_s_cell_answers_to_what_is_more_like_its_pattern_than_its_selectivity_asks():
    """Where learning by the paper's rule ends, a = c x and b = s / 2, the threshold is a cosine of r / (1 + r)."""
    x = np.asarray(PATTERN[0])
    kernel, inhibition = 10 * NEARNESS * x, 10 * np.sqrt(np.sum(NEARNESS * x**2)) / 2
    for seed in range(8):
        other = np.random.default_rng(seed).uniform(size=x.shape) ** 2
        mixed = other + seed / 4 * x
        cosine = np.sum(NEARNESS * x * mixed) / np.sqrt(np.sum(NEARNESS * x**2) * np.sum(NEARNESS * mixed**2))
        for r in (1.5, 4.0, 12.0):
            answers = _rectified(jnp.asarray(mixed[None], jnp.float32), kernel, inhibition, r) > 0
            assert answers == (cosine > r / (1 + r)), (seed, r)


def test_c_cells_pass_the_planes_above_the_mean_and_saturate():
    stage = Stage(LAYERS, 2, kernel=5, padding=2, pool=Window(2), first=True, saturation=0.5)
    x = 100 * jax.random.uniform(jax.random.key(1), (1, 4, 4, 1))
    params = {
        "conv": {"kernel": jnp.stack([jnp.ones((5, 5, 1)), jnp.zeros((5, 5, 1))], -1)},
        "inhibition": jnp.zeros(2),
    }
    y = stage.apply({"params": params}, x)
    assert y.shape == (1, 2, 2, 2)
    np.testing.assert_array_equal(y[..., 1], 0)
    np.testing.assert_allclose(y[..., 0], 1 / 1.5, rtol=0.01)  # (1 + z) / (1 + z / 2) - 1 is near 1 for large z
