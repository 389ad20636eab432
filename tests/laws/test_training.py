"""Whatever stands in a network, a training step computes finite gradients and leaves no parameter unused."""

from __future__ import annotations

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers import activations
from deepvision.layers.layers import TABLES
from deepvision.layers.norms import NORMS
from deepvision.models.network import AUXILIARY
from tests.laws.catalogue import BLOCK, LENET, MLP, VIT, pairwise, refuses, sample
from tests.laws.zoo import NETWORKS as ZOO

NETWORKS = (MLP, LENET, BLOCK, VIT)
SAMPLE = sample()
PAIRWISE = pairwise()
# Every step runs once: compiling it well would take longer. The lowest level makes gradients of some maxima NaN.
LEVELS = tuple({"xla_backend_optimization_level": level} for level in (0, 1))
IN_ALL_NETWORKS = max(len(table) for kind, table in TABLES.items() if kind != "act")  # then activations alone are left


@pytest.mark.parametrize("index", range(len(SAMPLE)))
def test_every_parameter_gets_a_finite_gradient(index):
    network, choices = _case(index)
    _check_gradients(network, choices)


@pytest.mark.parametrize("network", ZOO, ids=str)
def test_every_network_trains_with_layers_from_anywhere(network):
    """A row of the pairwise cover for every network; what that network refuses is left as in its paper.

    In the midst of it stand planes of one position, on which some layers are constant: half of it may learn nothing.
    """
    row = PAIRWISE[len(PAIRWISE) // len(ZOO) * ZOO.index(network)]
    if not _takes(network, row):
        row = {kind: entry for kind, entry in row.items() if not refuses(network, {kind: entry})}
    # What attention blocks hold inside does not go with some layers; of exp, they would take the exp again.
    if not _takes(network, row) or row.get("act") == "exp":
        row = row | {"attention": "none"}
    _check_gradients(network, row, may_die=0.5)


def _takes(network, choices):
    try:
        network.describe(**choices)
    except UserError:
        return False
    return True


def _case(index):
    """Returns a network and layers that it takes."""
    network = NETWORKS[index % len(NETWORKS)] if index < IN_ALL_NETWORKS else MLP
    choices = SAMPLE[index]
    if network is MLP and refuses(MLP, {"attention": choices["attention"]}):
        choices = choices | {"attention": "none"}
    return (LENET if refuses(network, choices) else network), choices


def _check_gradients(network, choices, may_die=0.0):
    """Checks that all gradients are finite, and that none but a share of the parameters is unused without a reason."""
    with jax.enable_x64(True):
        gradients = _gradients(network, choices)
    sizes = {path: np.abs(gradient).max() for path, gradient in gradients.items()}
    assert [path for path, size in sizes.items() if not np.isfinite(size)] == []
    dead = [path for path, size in sizes.items() if size < 1e-12 * np.median(list(sizes.values()))]
    unexplained = [path for path in dead if not _explained(path, gradients[path].shape, choices)]
    assert len(unexplained) <= may_die * len(sizes), unexplained


def _gradients(network, choices):
    """Returns the gradients, by path, of a training step in float64."""
    model, rng = network.make(**choices), np.random.default_rng(0)
    gain = activations.gain(model.layers.act)
    variables = jax.tree_util.tree_map_with_path(
        lambda path, leaf: _value(path, leaf, gain, rng), network.shapes(**choices)
    )
    params = variables.pop("params")

    def loss(params, state, x, key):
        mutable, rngs = [*state, AUXILIARY], {"dropout": key}
        y, updates = model.apply({"params": params, **state}, x, train=True, mutable=mutable, rngs=rngs)
        return sum(jnp.sum(jnp.sin(y)) for y in (y, *updates.get(AUXILIARY, {}).values()))

    arguments = params, variables, rng.standard_normal((8, *network.shape)), jax.random.key(0)
    lowered = jax.jit(jax.grad(loss)).lower(*arguments)
    for level in LEVELS:
        leaves = jax.tree_util.tree_leaves_with_path(lowered.compile(compiler_options=level)(*arguments))
        gradients = {_join(path): np.asarray(gradient) for path, gradient in leaves}
        if all(np.isfinite(gradient).all() for gradient in gradients.values()):
            break
    return gradients


def _value(path, leaf, gain, rng):
    """Returns values as they may be in the midst of training: nothing is at a special point, and nothing saturates."""
    if leaf.ndim > 1:
        return gain * rng.standard_normal(leaf.shape) / math.sqrt(math.prod(leaf.shape[:-1]))
    if "bias" in _join(path):
        return 0.3 * rng.standard_normal(leaf.shape)
    return rng.uniform(0.5, 1.5, leaf.shape) * (0.2 * gain if _join(path).endswith("_gain") else 1)


def _explained(path, shape, choices):
    """Whether theory has it that no output depends on a parameter, or that all units may be dead."""
    if choices.get("act") == "threshold" or choices.get("pool") == "generalized_mean":  # both are flat below a value
        return True
    if path.endswith("phi/bias"):  # the softmax over keys does not see what is added to all of them
        return True
    if path.endswith("kernel") and choices["kernel"] != "plain":  # centered and normalized, two weights are +-1
        return math.prod(shape[:-1]) <= 2
    norm = NORMS[choices["norm"]]
    if path.endswith("bias") and "c" in (norm.ignores_shift or ""):  # it moves a whole channel, and a norm is behind it
        return True
    # A single channel less the mean of what is around.
    return path.endswith("conv/bias") and shape == (1,) and choices["norm"].startswith("contrast")


def _join(path):
    return jax.tree_util.keystr(path, simple=True, separator="/")
