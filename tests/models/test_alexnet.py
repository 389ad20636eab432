"""What is particular to AlexNet and ZFNet: two groups, and where their local response normalization stands."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv

ORDERS = {
    "alexnet_2012_grouped": ["kernel", "act", "norm", "attention", "pool"],
    "zfnet": ["kernel", "act", "attention", "pool", "norm"],
}


@pytest.mark.parametrize("name", ORDERS)
def test_local_response_normalization_stands_in_the_first_two_convolutions(name):
    sites = dv.describe(dv.create_model(name), (224, 224, 3)).sites
    assert [site.path for site in sites if site.kind == "norm"] == ["conv1/norm", "conv2/norm"]
    for number in (1, 2):
        assert [site.kind for site in sites if site.path.startswith(f"conv{number}/")] == ORDERS[name]


@pytest.mark.parametrize("name", ORDERS)
def test_any_other_norm_goes_to_every_convolution(name):
    assert dv.describe(dv.create_model(name, norm="batch"), (224, 224, 3)).count("norm") == {"batch": 5}


def test_the_planes_are_those_of_the_paper():
    sites = dv.describe(dv.create_model("alexnet_2012_grouped"), (227, 227, 3)).sites
    kernels = [site.shape[1:] for site in sites if site.kind == "kernel"]
    assert kernels[:5] == [(227, 227, 3), (27, 27, 96), (13, 13, 256), (13, 13, 384), (13, 13, 384)]
    assert kernels[5:] == [(9216,), (4096,), (4096,)]


def test_groups_meet_in_the_third_convolution():
    model = dv.create_model(
        "alexnet", overrides={"widths": (4, 4, 4, 4, 4), "groups": 2, "hidden": 8, "small_images": True}
    )
    x = jax.random.uniform(jax.random.key(0), (1, 32, 32, 3))
    variables = jax.jit(model.init)(jax.random.key(1), x)
    params = variables["params"]
    other = params | {"conv1": jax.tree.map(lambda leaf: leaf.at[..., 2:].set(jnp.abs(leaf[..., 2:])), params["conv1"])}
    run = jax.jit(lambda params: model.apply({"params": params}, x, pyramid=True))
    changed = [np.abs(a - b).max(axis=(0, 1, 2)) > 0 for a, b in zip(run(params), run(other), strict=True)]
    assert not changed[0][:2].any() and not changed[1][:2].any()
    assert changed[0][2:].any() and changed[2][:2].any()


@pytest.mark.parametrize("name", ["alexnet", "alexnet_2012_grouped", "zfnet", "densenet121"])
def test_small_images_keep_their_positions_in_the_first_convolution(name):
    model = dv.create_model(name, num_classes=10, overrides={"small_images": True})
    first, second, *_ = (site for site in dv.describe(model, (32, 32, 3)).sites if site.kind in ("norm", "act", "pool"))
    assert first.shape[1:3] == second.shape[1:3] == (32, 32)
