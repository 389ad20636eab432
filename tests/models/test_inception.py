"""What is particular to the inception networks: branches side by side, auxiliary classifiers, where norms stand."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers.branches import Branches, Conv, Pool
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.models.inception_resnet_v2 import UNIT_C, InceptionUnit
from deepvision.models.xception import SeparableUnit

L = Layers(norm="none", act="identity", second={"pool": "avg"}).bind(train=False)
X = jax.random.normal(jax.random.key(0), (2, 6, 5, 3))
TABLE = (
    (Conv(8),),
    (Conv(4, 3), (Conv(8, (1, 3)), Conv(8, (3, 1)))),
    (Pool(Window(3, 1, padding=1), second=True), Conv(8)),
)


def test_branches_stand_side_by_side_in_the_order_of_the_table():
    y, variables = Branches(L, TABLE).init_with_output(jax.random.key(1), X)
    params = variables["params"]
    for number, (row, channels) in enumerate(zip(TABLE, (slice(0, 8), slice(8, 24), slice(24, 32)), strict=True), 1):
        own = {f"branch1_{path.split('_')[1]}": value for path, value in params.items() if f"branch{number}_" in path}
        alone = Branches(L, (row,)).apply({"params": own}, X)
        np.testing.assert_allclose(y[..., channels], alone, rtol=1e-6)


def test_the_convolutions_of_a_fork_see_the_same_input():
    y, variables = Branches(L, ((Conv(3), (Conv(8), Conv(8))),)).init_with_output(jax.random.key(1), X)
    params = variables["params"]
    first = X @ params["branch1_1"]["conv"]["kernel"][0, 0]
    both = jnp.concatenate([params[f"branch1_2{letter}"]["conv"]["kernel"][0, 0] for letter in "ab"], axis=-1)
    np.testing.assert_allclose(y, first @ both, atol=1e-5)


def test_branches_of_different_sizes_are_refused():
    table = ((Conv(8, 3, 2),), (Pool(Window(3, 2)),))
    with pytest.raises(dv.UserError, match="6x5 positions become 3x3 and 2x2; resize"):
        Branches(L, table).init(jax.random.key(0), X)


def test_local_response_norm_stands_behind_the_first_pooling_and_in_front_of_the_second():
    sites = dv.describe(dv.create_model("googlenet_2014"), (224, 224, 3)).sites
    stem = [
        f"{site.path.split('/')[0]} {site.kind}" for site in sites if site.kind in ("kernel", "act", "norm", "pool")
    ]
    assert stem[:9] == [
        *(f"conv1 {kind}" for kind in ("kernel", "act", "pool", "norm")),
        *(f"conv2_reduce {kind}" for kind in ("kernel", "act")),
        *(f"conv2 {kind}" for kind in ("kernel", "act", "norm")),
    ]
    assert sum(site.kind == "norm" for site in sites) == 2


@pytest.mark.parametrize(("name", "heads"), [("googlenet", {"aux1", "aux2"}), ("inception_v3", {"aux"})])
def test_auxiliary_classifiers_speak_where_they_are_asked(name, heads):
    small = {"width": 0.01, "small_images": True}
    model = dv.create_model(name, num_classes=7, overrides=small)
    x = jnp.zeros((2, 32, 32, 3))
    variables = jax.eval_shape(model.init, jax.random.key(0), x)
    assert heads <= set(variables["params"])

    def outputs(mutable):
        def run(variables, x):
            keys = {"dropout": jax.random.key(0)}
            return model.apply(variables, x, train=True, mutable=["batch_stats", *mutable], rngs=keys)[1]

        return jax.eval_shape(run, variables, x)

    assert {head: y.shape for head, y in outputs(["auxiliary"])["auxiliary"].items()} == dict.fromkeys(heads, (2, 7))
    assert "auxiliary" not in outputs([])
    bare = dv.create_model(name, overrides={**small, "auxiliary_heads": False})
    assert not heads & set(jax.eval_shape(bare.init, jax.random.key(0), x)["params"])


def test_squeeze_and_excitation_behind_every_module():
    plain, se = (dv.describe(dv.create_model(name), (224, 224, 3)) for name in ("bn_inception", "se_inception"))
    widths = [256, 320, *[576] * 5, *[1024] * 3]  # of the modules of figure 5
    assert [site.shape[-1] for site in se.sites if site.kind == "attention"] == widths
    assert se.parameters - plain.parameters == sum(2 * c * (c // 16) + c // 16 + c for c in widths)


@pytest.mark.parametrize("activate", [True, False])
def test_a_residual_inception_unit_adds_its_branches_at_a_scale(activate):
    layers = Layers(norm="none", act="relu").bind(train=False)
    halves = [InceptionUnit(layers, UNIT_C, scale, 0.01, 0.0, activate) for scale in (0.0, 0.5, 1.0)]
    variables = halves[0].init(jax.random.key(0), X)
    none, half, whole = (unit.apply(variables, X) for unit in halves)
    np.testing.assert_allclose(none, jax.nn.relu(X) if activate else X)
    if not activate:
        np.testing.assert_allclose(half, (none + whole) / 2, atol=1e-6)


def test_a_separable_convolution_is_one_of_rank_one_per_channel():
    y, variables = SeparableUnit(L, 8).init_with_output(jax.random.key(1), X)
    params = variables["params"]
    kernel = params["depthwise"]["kernel"][:, :, 0, :, None] * params["conv"]["kernel"][0, 0]
    full = jax.lax.conv(X.transpose(0, 3, 1, 2), kernel.transpose(3, 2, 0, 1), (1, 1), "SAME").transpose(0, 2, 3, 1)
    np.testing.assert_allclose(y, full, atol=1e-5)
