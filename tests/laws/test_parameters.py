"""What a parameter is called, how it starts and whether it exists depends on its role, never on what stands there."""

from __future__ import annotations

import re

import jax
import numpy as np
import pytest
from flax import traverse_util

from deepvision.layers.layers import TABLES
from deepvision.layers.norms import NORMS
from tests.laws.catalogue import MLP, NETWORKS, RESNET, refuses

# One norm of each kind, as far as biases go; all of them in one network.
KINDS = {(norm.shifts, norm.activates): name for name, norm in reversed(NORMS.items())}
UNITS = [network for network in NETWORKS if network.biasless is None]  # networks that are chains of units
TRANSFORMERS = [network for network in NETWORKS if network.biasless is not None]


def _flat(params):
    return traverse_util.flatten_dict(params, sep="/")


def _start(**choices):
    """Returns initial values, by path, from a scheme that looks at no activation."""
    model, x = MLP.make(init="xavier_uniform", **choices), np.zeros((1, *MLP.shape), np.float32)
    return _flat(model.init(jax.random.key(0), x)["params"])


@pytest.mark.parametrize("kind", ["norm", "act", "kernel"])
def test_equal_roles_start_from_equal_values(kind):
    default = {path: value for path, value in _start().items() if not path.endswith("norm/scale")}
    for entry in TABLES[kind]:
        swapped = _start(**{kind: entry})
        same = [path for path in default if path in swapped and swapped[path].shape == default[path].shape]
        assert "head/kernel" in same
        for path in same:
            np.testing.assert_array_equal(swapped[path], default[path], err_msg=f"{entry} {path}")


@pytest.mark.parametrize("network", UNITS, ids=str)
@pytest.mark.parametrize("placement", ["post", "post_act", "post_pool"])
def test_a_bias_is_there_unless_a_norm_that_shifts_follows(network, placement):
    for norm in NORMS if network is RESNET else KINDS.values():
        flat = _flat(network.shapes(placement=placement, norm=norm)["params"])
        # A norm that shifts makes a bias in front of a pooling idle, too.
        sites = [site for site in network.describe(placement=placement, norm=norm).sites if site.kind != "pool"]
        for site, behind in zip(sites, [*sites[1:], None], strict=True):
            shifted = behind is not None and behind.kind == "norm" and NORMS[norm].shifts
            if site.kind == "kernel" and not re.fullmatch(network.linear_maps, site.path):
                assert (f"{site.path}/bias" in flat) != shifted, (norm, site.path)


@pytest.mark.parametrize(
    "network", [network for network in UNITS if not refuses(network, {"placement": "pre"})], ids=str
)
def test_under_pre_a_norm_that_shifts_takes_the_bias_of_the_unit_before(network):
    for norm in NORMS if network is RESNET else KINDS.values():
        flat = _flat(network.shapes(placement="pre", norm=norm)["params"])
        normalized = "dense/kernel" if network is MLP else "conv/kernel"
        for path in flat:
            owns_none = re.fullmatch(network.linear_maps, path.removesuffix("/kernel"))
            if path.endswith(normalized) and not path.startswith("head") and not owns_none:
                assert (path.removesuffix("kernel") + "bias" in flat) != NORMS[norm].shifts, (norm, path)


@pytest.mark.parametrize("network", TRANSFORMERS, ids=str)
@pytest.mark.parametrize("placement", ["pre", "post"])
def test_a_transformer_owns_every_bias_that_its_paper_has(network, placement):
    for norm in KINDS.values():
        flat = _flat(network.shapes(placement=placement, norm=norm)["params"])
        layers = [path.removesuffix("/kernel") for path in flat if path.endswith("/kernel")]
        layers = [layer for layer in layers if not layer.endswith("/conv")]  # not of units
        without = [layer for layer in layers if f"{layer}/bias" not in flat]
        assert without == [layer for layer in layers if re.fullmatch(network.biasless, layer)], norm
