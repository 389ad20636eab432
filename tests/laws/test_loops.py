"""Equal blocks as a loop: compiled once, they compute what they compute one by one."""

from __future__ import annotations

import flax.linen as nn
import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers import chain
from deepvision.layers.chain import Run, recorded_runs
from tests.laws.zoo import Small

VIT = Small("vit_micro_patch4_32", (8, 8, 3), (("width", 16), ("depth", 3), ("heads", 2)))
MIXER = Small("mixer_s16_224", (8, 8, 3), (("small_images", True), ("depth", 3), ("width", 8)))
SWIN = Small(
    "swin_t", (8, 8, 3), (("small_images", True), ("stage_sizes", (5,)), ("width", 8), ("head_width", 4))
)  # two pairs, and one block more
RESNET = Small("cifar_resnet20", (8, 8, 3), (("stage_sizes", (3,)), ("width", 8), ("stem_width", 4)))
RCAN = Small("rcan_x2", (8, 8, 3), (("groups", 2), ("depth", 2), ("width", 16)))
LOOPS = {
    VIT: (Run("block0", "block2", 3, True),),
    MIXER: (Run("block0", "block2", 3, True),),
    SWIN: (Run("layer1_0", "layer1_3", 4, True),),
    RESNET: (Run("layer1_1", "layer1_2", 2, True),),
    RCAN: (Run("group0", "group1", 2, True),),
}


@pytest.fixture
def everywhere(monkeypatch):
    """Loops of convolutions too, as on an accelerator."""
    monkeypatch.setattr(chain, "convolutions_may_loop", lambda: True)


@pytest.mark.parametrize(
    ("network", "choices"),
    [
        (VIT, {"kernel": "spectral_norm"}),
        (MIXER, {"norm": "batch", "remat": True}),
        (SWIN, {"drop_path": 0.0}),
        (RESNET, {}),
        (RESNET, {"remat": True, "kernel": "weight_norm"}),
        (RCAN, {"norm": "batch"}),
    ],
    ids=str,
)
def test_outputs_gradients_and_state_are_the_same(network, choices, everywhere):
    x = jax.random.normal(jax.random.key(0), (2, *network.shape))
    variables = jax.jit(network.make(**choices).init)(jax.random.key(1), x)

    def outcome(scan_blocks):
        model, state = network.make(scan_blocks=scan_blocks, **choices), dict(variables)
        params = state.pop("params")

        def loss(params):
            y, changed = model.apply({"params": params, **state}, x, train=True, mutable=list(state))
            return jnp.sum(jnp.sin(y)), (y, changed)

        return jax.jit(jax.grad(loss, has_aux=True))(params)

    expected = outcome(False)
    runs = []
    with recorded_runs(runs):
        found = outcome(True)
    assert tuple(dict.fromkeys(runs)) == LOOPS[network]
    assert jax.tree.structure(found) == jax.tree.structure(expected)
    jax.tree.map(_assert_close, found, expected)


def _assert_close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-5 * np.max(np.abs(expected)))


@pytest.mark.parametrize("network", [VIT, SWIN, RESNET], ids=str)
def test_a_network_starts_from_the_same_bits(network):
    x = jnp.zeros((1, *network.shape))
    plain, looped = (jax.jit(network.make(scan_blocks=on).init)(jax.random.key(1), x) for on in (False, True))
    jax.tree.map(np.testing.assert_array_equal, plain, looped)


@pytest.mark.parametrize("network", list(LOOPS), ids=str)
def test_a_description_is_the_same_but_for_the_loops(network, everywhere):
    plain, described = network.describe(), dv.describe(network.make(scan_blocks=True), network.shape)
    assert described.runs == LOOPS[network]
    assert not plain.runs
    for fact in ("parameters", "state", "macs", "sites", "output_shape", "blocks"):
        assert getattr(described, fact) == getattr(plain, fact)


@pytest.mark.parametrize("network", [RESNET, RCAN], ids=str)
def test_convolutions_are_written_out_on_a_cpu(network, monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "cpu")
    described = dv.describe(network.make(scan_blocks=True), network.shape)
    assert described.runs
    assert not any(run.loop for run in described.runs)
    assert "written out" in str(described)


class Draws(nn.Module):
    """Adds noise and its place to x, and keeps what it drew."""

    depth: float
    wide: bool = False

    @nn.compact
    def __call__(self, x):
        drawn = self.variable("seen", "noise", jnp.zeros, x.shape)
        drawn.value = jax.random.normal(self.make_rng("dropout"), x.shape)
        return x + drawn.value + self.depth


class Drawing(nn.Module):
    """A chain of blocks, of which some are wide."""

    wide: tuple[bool, ...]
    loops: bool = True

    @nn.compact
    def __call__(self, x):
        blocks = (Draws(float(place), wide, name=f"block{place}") for place, wide in enumerate(self.wide))
        return chain.chain(blocks, x, self.loops)


def drawn(wide, loops=True):
    x, rngs = jnp.zeros((4, 3)), {"dropout": jax.random.key(0)}
    variables = Drawing(wide).init(rngs, x)
    y, changed = Drawing(wide, loops).apply(variables, x, rngs=rngs, mutable=["seen"])
    return y, np.stack([changed["seen"][f"block{place}"]["noise"] for place in range(len(wide))])


@pytest.mark.parametrize("wide", [(False,) * 4, (False, True) * 2, (True, False, False, False)], ids=str)
def test_every_block_draws_noise_of_its_own_and_knows_its_place(wide):
    y, noise = drawn(wide)
    assert len(np.unique(noise)) == noise.size
    np.testing.assert_allclose(y, noise.sum(0) + sum(range(len(wide))), rtol=1e-6)


@pytest.mark.parametrize(
    ("wide", "runs"),
    [
        ((False, False, False), (Run("block0", "block2", 3, True),)),
        ((False, True, False, True, False), (Run("block0", "block3", 4, True),)),
        ((True, False, False), (Run("block1", "block2", 2, True),)),
        ((False, False, True, True), (Run("block0", "block1", 2, True), Run("block2", "block3", 2, True))),
        ((False, True, True, False), (Run("block1", "block2", 2, True),)),
        ((False, True), ()),
        ((False,), ()),
    ],
    ids=str,
)
def test_what_is_a_run(wide, runs):
    found = []
    with recorded_runs(found):
        drawn(wide)
    assert tuple(found) == runs


@pytest.mark.parametrize("choices", [{"dropout": 0.5}, {"drop_path": 0.5}], ids=str)
def test_every_example_has_noise_of_its_own(choices):
    model = VIT.make(scan_blocks=True, **choices)
    x = jnp.broadcast_to(jax.random.normal(jax.random.key(0), VIT.shape), (8, *VIT.shape))
    variables = jax.jit(model.init)(jax.random.key(1), x)
    noisy = jax.jit(lambda key: model.apply(variables, x, train=True, rngs={"dropout": key}))
    y = noisy(jax.random.key(2))
    assert len(np.unique(np.round(y[:, 0], 5))) > 1
    assert not np.allclose(y, noisy(jax.random.key(3)))


def test_the_first_branch_is_never_dropped():
    """The rate rises from zero at the first block, also where a loop knows it as a number only."""
    network = Small("vit_micro_patch4_32", (8, 8, 3), (("width", 16), ("depth", 2), ("heads", 2)))
    model, x = network.make(scan_blocks=True, drop_path=0.999), jnp.ones((2, *network.shape))
    variables = jax.jit(model.init)(jax.random.key(1), x)
    y = jax.jit(lambda: model.apply(variables, x, train=True, rngs={"dropout": jax.random.key(2)}))()
    alone = network.make(num_classes=10).clone(depth=1)
    np.testing.assert_allclose(y, alone.apply(variables, x), rtol=1e-4, atol=1e-5)
