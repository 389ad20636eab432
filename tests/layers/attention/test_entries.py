"""What each attention block is: against its formula written out, its count of parameters, and its invariances."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.layers.norms import NORMS
from tests.layers.attention.test_laws import IMAGES, TOKENS, make, scrambled
from tests.layers.norms.support import normal, relative_error


def run(block: str, shape: tuple[int, ...] = IMAGES, norm: str = "layer_hwc") -> tuple[np.ndarray, Any, np.ndarray]:
    """Returns input, scrambled parameters and output, in float64."""
    with jax.enable_x64(True):
        x = normal(shape)
        variables = scrambled(make(block, norm).init(jax.random.key(0), x))
        y = np.asarray(make(block, norm).apply(variables, x))
        return x, jax.tree.map(np.asarray, variables.get("params", {})), y


def sigmoid(x: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-x))


def softmax(x: np.ndarray, axis: Any) -> np.ndarray:
    exponential = np.exp(x)
    return exponential / exponential.sum(axis=axis, keepdims=True)


def dense(params: Any, x: np.ndarray) -> np.ndarray:
    return x @ params["kernel"] + params.get("bias", 0)


def bottleneck(params: Any, x: np.ndarray) -> np.ndarray:
    return dense(params["expand"], np.tanh(dense(params["reduce"]["dense"], x)))


def layer_hwc(params: Any, x: np.ndarray) -> np.ndarray:
    axes = tuple(range(1, x.ndim))
    standard = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + 1e-5)
    return standard * params["scale"] + params["bias"]


@pytest.mark.parametrize("shape", [IMAGES, TOKENS])
def test_se(shape: tuple[int, ...]) -> None:
    x, params, y = run("se(reduction=4)", shape)
    assert params["reduce"]["dense"]["kernel"].shape == (8, 2)
    gate = sigmoid(bottleneck(params, x.mean(axis=tuple(range(1, x.ndim - 1)), keepdims=True)))
    assert relative_error(y, x * gate) < 1e-12


def test_se_has_one_hidden_unit_at_least() -> None:
    assert run("se")[1]["reduce"]["dense"]["kernel"].shape == (8, 1)


@pytest.mark.parametrize("combine", ["add", "max"])
def test_scse_is_se_beside_sse(combine: str) -> None:
    x, params, y = run(f"scse(combine='{combine}')")
    by_channel = x * sigmoid(bottleneck(params, x.mean(axis=(1, 2), keepdims=True)))
    by_position = x * sigmoid(dense(params["squeeze"], x))
    assert relative_error(y, {"add": np.add, "max": np.maximum}[combine](by_channel, by_position)) < 1e-12


def test_sse() -> None:
    x, params, y = run("sse")
    assert relative_error(y, x * sigmoid(dense(params["squeeze"], x))) < 1e-12


def test_eca() -> None:
    x, params, y = run("eca", (2, 3, 3, 16))
    taps = params["conv"]["kernel"].reshape(-1)
    padded = np.pad(x.mean(axis=(1, 2)), [(0, 0), (1, 1)])
    gate = sigmoid(sum(tap * padded[:, place : place + 16] for place, tap in enumerate(taps)))
    assert relative_error(y, x * gate[:, None, None]) < 1e-12


@pytest.mark.parametrize(("channels", "size"), [(8, 3), (64, 3), (128, 5), (256, 5), (512, 5), (1024, 5), (2048, 7)])
def test_eca_follows_the_published_formula(channels: int, size: int) -> None:
    """int(|log2(c) + 1| / 2), made odd upwards: 4.5 and 5.5 give 5, and 6 gives 7."""
    shapes = jax.eval_shape(make("eca").init, jax.random.key(0), jnp.ones((1, 2, 2, channels)))
    assert shapes["params"]["conv"]["kernel"].shape == (size, 1, 1, 1)


def test_cbam() -> None:
    x, params, y = run("cbam(reduction=2, size=3)")
    pooled = x.mean(axis=(1, 2), keepdims=True), x.max(axis=(1, 2), keepdims=True)
    z = x * sigmoid(sum(bottleneck(params, p) for p in pooled))
    planes = np.pad(np.stack([z.max(-1), z.mean(-1)], axis=-1), [(0, 0), (1, 1), (1, 1), (0, 0)])
    kernel, (_, height, width, _) = params["conv"]["kernel"], x.shape
    taps = [(i, j) for i in range(3) for j in range(3)]
    convolved = sum(planes[:, i : i + height, j : j + width] @ kernel[i, j] for i, j in taps)
    assert "bias" not in params["conv"]
    assert relative_error(y, z * sigmoid(layer_hwc(params["norm"], convolved))) < 1e-12


@pytest.mark.parametrize("norm", [norm for norm, entry in NORMS.items() if "c" in entry.couples])
def test_cbam_learns_under_norms_over_channels(norm: str) -> None:
    """There is one map to normalize, of which a norm over the channels of a position would leave its sign alone."""
    x, cotangent = (jnp.asarray(normal(IMAGES, seed), jnp.float32) for seed in (0, 1))
    block = make("cbam", norm)
    variables = scrambled(block.init(jax.random.key(0), x))

    def value(params: Any) -> jax.Array:
        return jnp.vdot(block.apply({**variables, "params": params}, x), cotangent)

    gradient = jax.jit(jax.grad(value))(variables["params"])
    assert np.max(np.abs(gradient["conv"]["kernel"])) > 1e-3
    assert ("bias" in gradient["conv"]) != NORMS[norm].shifts or norm == "layer"


def test_gather_excite_over_the_plane_needs_no_parameters() -> None:
    x, params, y = run("gather_excite")
    assert params == {}
    assert relative_error(y, x * sigmoid(x.mean(axis=(1, 2), keepdims=True))) < 1e-12


def test_gather_excite_over_neighbourhoods() -> None:
    """The mean over every window of 2 extent - 1 positions, centred at every extent-th, put back to the nearest."""
    x, _, y = run("gather_excite(extent=2)", (1, 4, 6, 3))
    context = np.empty((2, 3, 3))
    for i in range(2):
        for j in range(3):
            window = x[0, max(2 * i - 1, 0) : 2 * i + 2, max(2 * j - 1, 0) : 2 * j + 2]
            context[i, j] = window.mean(axis=(0, 1))
    assert relative_error(y[0], x[0] * sigmoid(context.repeat(2, 0).repeat(2, 1))) < 1e-12


def test_gather_excite_learns_a_filter_per_channel() -> None:
    x, params, y = run("gather_excite(gather='depthwise', excite='bottleneck', reduction=2)", norm="none")
    gather = params["gather"]["conv"]
    context = np.einsum("nhwc,hwc->nc", x, gather["kernel"][:, :, 0]) + gather["bias"]
    assert relative_error(y, x * sigmoid(bottleneck(params, context))[:, None, None]) < 1e-12
    steps = run("gather_excite(extent=4, gather='depthwise')")[1]
    assert {name: step["conv"]["kernel"].shape for name, step in steps.items()} == {
        "gather1": (3, 3, 1, 8),
        "gather2": (3, 3, 1, 8),
    }


def test_soft_attention_weighs_positions_by_a_softmax() -> None:
    x, params, y = run("spatial")
    weights = softmax(dense(params["score"], x) / np.sqrt(8), axis=(1, 2))
    assert relative_error(y, x * weights * 30) < 1e-12
    np.testing.assert_allclose((y / x).mean(axis=(1, 2)), 1, rtol=1e-10)


def test_soft_attention_leaves_equal_positions_as_they_are() -> None:
    x = jnp.broadcast_to(jnp.arange(1.0, 9.0), IMAGES)
    y = make("spatial").init_with_output(jax.random.key(0), x)[0]
    assert relative_error(y, x) < 1e-6


@pytest.mark.parametrize("shape", [IMAGES, TOKENS])
def test_non_local(shape: tuple[int, ...]) -> None:
    x, params, y = run("non_local", shape)
    flat = x.reshape(2, -1, 8)
    theta, phi, g = (dense(params[name], flat) for name in ("theta", "phi", "g"))
    assert theta.shape[-1] == 4
    z = softmax(theta @ phi.swapaxes(1, 2), axis=-1) @ g
    assert "bias" not in params["out"]
    assert relative_error(y, x + layer_hwc(params["norm"], dense(params["out"], z).reshape(x.shape))) < 1e-12


def test_non_local_starts_at_the_identity() -> None:
    x = jnp.asarray(normal(IMAGES), jnp.float32)
    np.testing.assert_array_equal(make("non_local").init_with_output(jax.random.key(0), x)[0], x)


@pytest.mark.parametrize("block", ["sse", "spatial", "non_local"])
def test_pointwise_blocks_follow_a_permutation_of_the_positions(block: str) -> None:
    """They see no neighbourhoods: positions that change places take their results along."""
    x, order = jnp.asarray(normal(TOKENS), jnp.float32), np.random.default_rng(0).permutation(TOKENS[1])
    variables = scrambled(make(block).init(jax.random.key(0), x))
    permuted = make(block).apply(variables, x[:, order])
    assert relative_error(permuted, make(block).apply(variables, x)[:, order]) < 1e-5


def test_non_local_counts_its_products() -> None:
    block, x = make("non_local"), jnp.ones((1, 6, 5, 8))
    assert block.macs(x, x) == 2 * 30 * 30 * 4


@pytest.mark.parametrize(
    ("block", "parameters", "macs"),
    [("se", 28_088_024, 4_091_699_200), ("cbam", 28_089_624, 4_095_573_110), ("eca", 25_557_118, 4_089_272_064)],
)
def test_resnet50_with_attention_costs_what_it_should(block: str, parameters: int, macs: int) -> None:
    """As counted for the networks of the papers (Hu et al. 2017, Woo et al. 2018, Wang et al. 2019)."""
    described = dv.describe(dv.create_model("resnet50", attention=block), (224, 224, 3))
    assert (described.parameters, described.macs) == (parameters, macs)
    assert described.count("attention") == {block: 16}
