"""Rematerialization computes blocks again in the backward pass, and changes nothing else."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from tests.laws.catalogue import BLOCK, VIT
from tests.laws.zoo import NETWORKS


@pytest.mark.parametrize("network", NETWORKS, ids=str)
def test_every_network_has_blocks_to_compute_again(network):
    shapes = network.shapes()

    def traced(**choices):
        model, x = network.make(**choices), jax.ShapeDtypeStruct((1, *network.shape), jnp.float32)
        return str(jax.make_jaxpr(model.apply)(shapes, x))

    assert network.shapes(remat=True) == shapes
    assert "checkpoint[" in traced(remat=True) or "remat2[" in traced(remat=True)
    assert "checkpoint[" not in traced() and "remat2[" not in traced()


@pytest.mark.parametrize("network", [BLOCK, VIT], ids=str)
def test_gradients_are_the_same(network):
    x = jax.random.normal(jax.random.key(0), (2, *network.shape))

    def gradients(remat):
        model = network.make(remat=remat, dropout=0.1)
        variables = dict(model.init(jax.random.key(1), x))
        params = variables.pop("params")

        def loss(params):
            rngs = {"dropout": jax.random.key(2)}
            y, _ = model.apply({"params": params, **variables}, x, train=True, mutable=list(variables), rngs=rngs)
            return jnp.sum(jnp.sin(y))

        return jax.jit(jax.grad(loss))(params)

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-3), gradients(False), gradients(True))
