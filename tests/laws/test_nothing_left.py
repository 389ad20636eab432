"""No activation, norm, attention or maximum is left behind where no choice reaches it: without, networks are affine."""

from __future__ import annotations

import math

import jax
import numpy as np
import pytest

from tests.laws.catalogue import NETWORKS

AFFINE = dict(norm="none", act="identity", attention="none", pool="avg", global_pool="avg", num_classes=0)


def _values(path, leaf, rng):
    """Returns random values; queries and keys are zero, so that every token looks at all others alike."""
    if any(f"'{layer}'" in jax.tree_util.keystr(path) for layer in ("qkv", "q", "score")):
        return np.zeros(leaf.shape, np.float32)
    return rng.standard_normal(leaf.shape, np.float32) / math.sqrt(math.prod(leaf.shape[:-1]))


@pytest.mark.parametrize("network", [network for network in NETWORKS if not network.nonlinear], ids=str)
def test_with_linear_layers_the_network_is_affine(network):
    rng = np.random.default_rng(0)
    model, shapes = network.make(**AFFINE), network.shapes(**AFFINE)
    variables = jax.tree_util.tree_map_with_path(lambda path, leaf: _values(path, leaf, rng), shapes)
    a, b = rng.standard_normal((2, *network.shape), np.float32)
    x = np.stack([a, b, a + b, np.zeros_like(a)])
    of_a, of_b, of_sum, of_zero = np.asarray(jax.jit(model.apply)(variables, x))
    scale = np.abs(of_sum).max()
    assert scale > 1e-3
    np.testing.assert_allclose(of_a + of_b, of_sum + of_zero, atol=1e-4 * scale)
