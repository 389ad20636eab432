"""CoAtNet: its relative attention, and where its two kinds of norms stand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np

import deepvision as dv
from deepvision.layers.layers import Layers
from deepvision.models.coatnet import RelativeAttention

LAYERS = Layers(norm="layer", act="gelu", placement="pre").bind(train=False)


def test_the_published_sizes():
    description = dv.describe(dv.create_model("coatnet_0"), (224, 224, 3))
    assert round(description.parameters / 1e6) == 25
    assert abs(description.macs / 4.2e9 - 1) < 0.02


def test_without_a_bias_attention_does_not_look_at_the_order_of_positions():
    module = RelativeAttention(LAYERS, features=8, heads=2)
    x = jax.random.normal(jax.random.key(1), (1, 3, 4, 6))
    y, variables = module.init_with_output(jax.random.key(0), x)
    assert y.shape == (1, 3, 4, 8)
    params = variables["params"] | {"relative_positions": jnp.zeros((35, 2))}
    flipped = module.apply({"params": params}, x[:, ::-1])[:, ::-1]
    np.testing.assert_allclose(flipped, module.apply({"params": params}, x), atol=1e-5)
    assert jnp.abs(module.apply(variables, x[:, ::-1])[:, ::-1] - y).max() > 1e-4


def test_convolutions_have_batch_norm_and_transformers_layer_norm_unless_one_is_asked_for():
    overrides = {"small_images": True, "stage_sizes": (2, 1, 1, 1), "widths": (8, 8, 8, 8), "head_width": 4}
    sites = dv.describe(dv.create_model("coatnet_0", overrides=overrides), (16, 16, 3)).sites
    held = {site.path: site.holds for site in sites if site.kind == "norm"}
    assert {holds for path, holds in held.items() if path.startswith(("conv", "layer1", "layer2"))} == {"batch"}
    assert {holds for path, holds in held.items() if path.startswith(("layer3", "norm"))} == {"layer"}
    swapped = dv.describe(dv.create_model("coatnet_0", norm="group", overrides=overrides), (16, 16, 3))
    assert set(swapped.count("norm")) == {"group"}
