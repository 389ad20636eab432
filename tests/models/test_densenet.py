"""What is particular to DenseNet: maps are added and never changed, and where its dropout stands."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.models.densenet import DenseLayer

SMALL = {"stage_sizes": (2, 2), "growth": 4, "width": 8}


@pytest.mark.parametrize(("bottleneck", "convolutions"), [(4, 2), (0, 1)])
def test_a_layer_keeps_its_inputs_and_adds_new_maps(bottleneck, convolutions):
    layers = dv.create_model("densenet121").layers.bind(train=False)
    x = jax.random.normal(jax.random.key(0), (2, 5, 6, 8))
    y, variables = DenseLayer(layers, growth=3, bottleneck=bottleneck).init_with_output(jax.random.key(1), x)
    assert y.shape == (2, 5, 6, 11) and len(variables["params"]) == convolutions
    np.testing.assert_array_equal(y[..., :8], x)


def test_transitions_compress():
    model = dv.create_model("densenet121", overrides=SMALL | {"compression": 0.25})
    half = dv.create_model("densenet121", overrides=SMALL)
    widths = [
        next(
            site.shape[-1]
            for site in dv.describe(network, (64, 64, 3)).sites
            if site.path == "block2_layer1/conv1/norm"
        )
        for network in (model, half)
    ]
    assert widths == [4, 8]


def test_dropout_stands_behind_every_convolution_but_the_first():
    for name in ("densenet121", "cifar_densenet_40_12"):
        description = dv.describe(dv.create_model(name, dropout=0.2), (64, 64, 3))
        kernels = [site.path for site in description.sites if site.kind == "kernel"]
        dropouts = [site.path for site in description.sites if site.kind == "dropout"]
        assert dropouts == [f"{path.removesuffix('conv')}dropout" for path in kernels[1:-1]]


def test_what_is_computed_again_is_the_same():
    model = dv.create_model("cifar_densenet_bc_100_12", overrides=SMALL | {"stage_sizes": (1, 1)})
    again = model.clone(layers=model.layers.replace({"remat": True}))
    x = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    variables = jax.jit(model.init)(jax.random.key(1), x)

    def gradient(network):
        def loss(params):
            y, _ = network.apply(variables | {"params": params}, x, train=True, mutable=["batch_stats"])
            return jnp.sum(jnp.sin(y))

        return jax.jit(jax.grad(loss))(variables["params"])

    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, atol=1e-4), gradient(model), gradient(again))
