"""What a parameter is called, how it starts and whether it exists depends on its role, never on what stands there."""

from __future__ import annotations

import jax
import numpy as np
import pytest
from flax import traverse_util

from deepvision.layers.layers import PLACEMENTS, TABLES
from deepvision.layers.norms import NORMS
from tests.laws.catalogue import LENET, NETWORKS, refuses


def _linear_parameters(params):
    """Returns the kernels and biases of convolutions and dense layers, by path."""
    flat = traverse_util.flatten_dict(params, sep="/")
    return {path: value for path, value in flat.items() if path.rsplit("/", 1)[0].endswith(("conv", "dense", "head"))}


@pytest.fixture(scope="module")
def start():
    """Initializes a network with a choice, by a scheme that looks at no activation."""

    def start(**choices):
        model = LENET.make(init="lecun_normal", **choices)
        x = np.zeros((1, *LENET.shape), np.float32)
        return _linear_parameters(jax.jit(model.init)(jax.random.key(0, impl="rbg"), x)["params"])

    return start


@pytest.mark.parametrize("kind", ["norm", "act", "kernel", "attention"])
def test_equal_roles_start_from_equal_values(kind, start):
    default = start()
    for entry in TABLES[kind]:
        swapped = start(**{kind: entry})
        same = [path for path in default if path in swapped and swapped[path].shape == default[path].shape]
        assert {path for path in same if path.endswith("kernel")} or kind == "act", entry
        for path in same:
            np.testing.assert_array_equal(swapped[path], default[path], err_msg=f"{entry} {path}")


@pytest.mark.parametrize("network", NETWORKS, ids=str)
@pytest.mark.parametrize("placement", [placement for placement in PLACEMENTS if placement != "pre"])
def test_a_bias_is_there_unless_a_norm_that_shifts_follows(network, placement):
    if refuses(network, {"placement": placement}):
        placement = network.make().layers.placement
    for norm in NORMS:
        if refuses(network, {"norm": norm}):
            continue
        choices = {"placement": placement, "norm": norm}
        params = network.shapes(**choices)["params"]
        sites = network.describe(**choices).sites
        for site, behind in zip(sites, [*sites[1:], None], strict=True):
            if site.kind != "kernel":
                continue
            shifted = behind is not None and behind.kind == "norm" and NORMS[behind.holds].shifts
            layer = traverse_util.flatten_dict(params, sep="/")
            assert (f"{site.path}/bias" in layer) != shifted, (norm, site.path)


CHAINS = [network for network in NETWORKS if not refuses(network, {"placement": "pre"}) and "vit" not in str(network)]


@pytest.mark.parametrize("network", CHAINS, ids=str)
@pytest.mark.parametrize("norm", NORMS)
def test_under_pre_a_norm_that_shifts_takes_the_bias_of_the_unit_before(network, norm):
    flat = traverse_util.flatten_dict(network.shapes(placement="pre", norm=norm)["params"], sep="/")
    units = [path for path in flat if path.endswith(("/conv/kernel", "fc1/dense/kernel", "fc2/dense/kernel"))]
    normalized = [path for path in units if str(network) == "mlp" or "/conv/" in path]
    for path in normalized:
        assert (path.replace("kernel", "bias") in flat) != NORMS[norm].shifts
