"""Laws that every attention block keeps; generated from the table."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.layers.attention import ATTENTIONS
from deepvision.layers.layers import Layers
from tests.layers.norms.support import normal, relative_error

FURTHER = (
    "scse(combine='max')",
    "gather_excite(extent=2)",
    "gather_excite(extent=4, gather='depthwise')",
    "gather_excite(gather='depthwise', excite='bottleneck')",
)
BLOCKS = (*ATTENTIONS, *FURTHER)
IMAGES, TOKENS, FEATURES = (2, 6, 5, 8), (2, 7, 8), (2, 8)
NEED_IMAGES = {"cbam", *(block for block in FURTHER if "gather" in block)}
NEED_POSITIONS = {"sse", "scse", "scse(combine='max')", "spatial", "non_local"}
CELLS = [
    *((block, IMAGES) for block in BLOCKS),
    *((block, TOKENS) for block in BLOCKS if block not in NEED_IMAGES),
    *((block, FEATURES) for block in BLOCKS if block not in NEED_IMAGES | NEED_POSITIONS),
]


def make(block: str, norm: str = "layer_hwc", train: bool = False, dtype: str | None = None) -> Any:
    layers = Layers(norm=norm, act="tanh", attention=block, init="lecun_normal", dtype=dtype)
    return layers.bind(train).attention(name="attention")


def scrambled(variables: Any) -> Any:
    """Returns the variables with other values, so that nothing stands at its initial value."""
    generator = np.random.default_rng(0)
    return jax.tree.map(lambda leaf: jnp.asarray(leaf + 0.3 * generator.standard_normal(leaf.shape)), variables)


@pytest.mark.parametrize(("block", "shape"), CELLS)
def test_for_every_rank(block: str, shape: tuple[int, ...]) -> None:
    """The shape is kept, no example sees another, and bfloat16 comes close."""
    x = jnp.asarray(normal(shape), jnp.float32)
    variables = scrambled(make(block).init(jax.random.key(0), x))
    expected = make(block).apply(variables, x)
    assert expected.shape == x.shape
    assert relative_error(make(block).apply(variables, x[1:]), expected[1:]) < 1e-5
    half = make(block, dtype="bfloat16").apply(variables, x.astype(jnp.bfloat16))
    assert half.dtype == jnp.bfloat16
    assert relative_error(half, expected) < 0.05


@pytest.mark.parametrize("block", BLOCKS)
def test_compiled_value_and_gradient_are_right(block: str) -> None:
    """Compiled and not agree; the gradient is that of finite differences, and everything learned has an effect."""
    with jax.enable_x64(True):
        x, cotangent = jnp.asarray(normal(IMAGES)), jnp.asarray(normal(IMAGES, seed=1))
        variables = scrambled(make(block).init(jax.random.key(0), x))

        def value(params: Any, x: jax.Array) -> jax.Array:
            return jnp.vdot(make(block).apply({"params": params}, x), cotangent)

        point = variables.get("params", {}), x
        compiled = jax.jit(jax.value_and_grad(value, (0, 1)))
        at_point, gradient = compiled(*point)
        assert float(at_point) == pytest.approx(float(value(*point)), rel=1e-10)
        direction = jax.tree.map(lambda leaf: jnp.asarray(normal(leaf.shape, seed=2)), point)
        step = 1e-5
        ahead, behind = (
            compiled(*jax.tree.map(lambda p, d, s=sign: p + s * step * d, point, direction))[0] for sign in (1, -1)
        )
        expected = float(ahead - behind) / (2 * step)
        found = float(sum(jax.tree.leaves(jax.tree.map(jnp.vdot, gradient, direction))))
        assert all(np.any(leaf != 0) for leaf in jax.tree.leaves(gradient))
    assert found == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("block", sorted(NEED_IMAGES | NEED_POSITIONS))
def test_what_has_no_positions_is_refused_in_one_line(block: str) -> None:
    for shape in (TOKENS, FEATURES) if block in NEED_IMAGES else (FEATURES,):
        with pytest.raises(UserError, match=rf"attention '{block.split('(')[0]}': needs (positions|images)") as error:
            make(block).init(jax.random.key(0), jnp.ones(shape))
        assert str(shape) in str(error.value) and "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("block", "message"),
    [
        ("se(reduction=0)", "attention 'se': reduction must be a whole number, at least 1, got 0"),
        ("scse(reduction=1.5)", "attention 'scse': reduction must be a whole number, at least 1, got 1.5"),
        ("scse(combine='mean')", "attention 'scse': combine must be one of add, max, got 'mean'"),
        ("eca(gamma=0)", "attention 'eca': gamma must be a number above 0, got 0"),
        ("eca(b='x')", "attention 'eca': b must be a number, got 'x'"),
        ("cbam(size=4)", "attention 'cbam': size must be odd, got 4"),
        ("gather_excite(extent=-1)", "attention 'gather_excite': extent must be a whole number, at least 0, got -1"),
        ("gather_excite(extent=1)", "attention 'gather_excite': extent must be 0 or at least 2, got 1"),
        ("gather_excite(extent=6, gather='depthwise')", "extent must be 0 or a power of 2 above 1, got 6"),
        ("gather_excite(gather='max')", "gather must be one of mean, depthwise, got 'max'"),
        ("gather_excite(excite='mlp')", "excite must be one of none, bottleneck, got 'mlp'"),
        ("non_local(reduction=0)", "attention 'non_local': reduction must be a whole number, at least 1, got 0"),
    ],
)
def test_bad_arguments_are_refused_in_one_line(block: str, message: str) -> None:
    with pytest.raises(UserError) as error:
        make(block).init(jax.random.key(0), jnp.ones(IMAGES))
    assert message in str(error.value) and "\n" not in str(error.value)
