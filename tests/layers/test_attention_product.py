"""The product of attention: where cuDNN's kernel is taken, and that it changes nothing but the time."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax._src.cudnn import fused_attention_stablehlo

import deepvision as dv
from deepvision.layers import attention_product
from deepvision.layers.attention_product import dot_product_attention, fused, is_fusible, plain

FORWARD, BACKWARD = "__cudnn$fmhaSoftmax", "__cudnn$fmhaSoftmaxBackward"
BIASED, BIASED_BACKWARD = "__cudnn$fmhaScaleBiasSoftmax", "__cudnn$fmhaScaleBiasSoftmaxBackward"
VIT_SMALL = ((8, 197, 6, 64),) * 3


def shaped(*shapes: tuple[int, ...], dtype: str = "bfloat16") -> list[jax.ShapeDtypeStruct]:
    return [jax.ShapeDtypeStruct(shape, jnp.dtype(dtype)) for shape in shapes]


def drawn(*shapes: tuple[int, ...], dtype: str = "float32") -> list[jax.Array]:
    return [jax.random.normal(jax.random.key(i), shape, dtype) for i, shape in enumerate(shapes)]


@pytest.fixture
def with_gpus(monkeypatch: pytest.MonkeyPatch):
    """What is traced is as on a machine with Hopper GPUs; programs can be made for them, and run on the CPU alone."""
    monkeypatch.setattr(attention_product, "gpus_fuse", lambda: True)
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", lambda: 91000)


@pytest.fixture
def kernel_of_xla(monkeypatch: pytest.MonkeyPatch):
    """The formula of jax stands in for cuDNN's kernel, with the same arguments."""
    original = jax.nn.dot_product_attention

    def stand_in(query, key, value, *, bias, query_seq_lengths, key_value_seq_lengths, implementation):
        assert implementation == "cudnn"
        lengths = {"query_seq_lengths": query_seq_lengths, "key_value_seq_lengths": key_value_seq_lengths}
        return original(query, key, value, bias, implementation="xla", **lengths)

    monkeypatch.setattr(jax.nn, "dot_product_attention", stand_in)


def calls(function: Callable, *arguments: jax.ShapeDtypeStruct, platform: str = "cuda") -> Counter[str]:
    """Returns how often which kernel is called in a program for a platform."""
    traced_anew = jax.jit(lambda *arguments: function(*arguments))
    lowered = traced_anew.trace(*arguments).lower(lowering_platforms=(platform,))
    return Counter(re.findall(r"custom_call @(__cudnn\$\w+)", lowered.as_text()))


def squared(*operands: jax.Array) -> jax.Array:
    return jnp.sum(jnp.square(dot_product_attention(*operands).astype(jnp.float32)))


@pytest.mark.parametrize(
    ("shapes", "dtype", "served"),
    [
        (VIT_SMALL, "bfloat16", True),
        (VIT_SMALL, "float16", True),
        (VIT_SMALL, "float32", False),
        (((8, 197, 6, 60),) * 3, "bfloat16", False),  # no multiple of 8
        (((8, 197, 6, 136),) * 3, "bfloat16", False),  # too wide
        (((8, 3136, 1, 64), (8, 49, 1, 64), (8, 49, 1, 64)), "bfloat16", True),  # PVT: fewer keys than queries
        (((8, 197, 6, 64), (1, 197, 6, 64), (8, 197, 6, 64)), "bfloat16", False),  # shared keys
        (((8, 49, 8, 64), (8, 1, 8, 64), (8, 1, 8, 64)), "bfloat16", False),  # a single key
        (((8, 64, 49, 3, 32),) * 3, "bfloat16", True),  # windows
        ((*((8, 64, 49, 3, 32),) * 3, (3, 49, 49)), "bfloat16", False),  # Swin's, of 7x7
        ((*((8, 64, 16, 3, 32),) * 3, (3, 16, 16)), "bfloat16", True),  # of 4x4
        ((*((8, 64, 16, 3, 32),) * 3, (64, 3, 16, 16)), "bfloat16", False),  # shifted
        ((*((8, 196, 12, 32),) * 3, (12, 196, 196)), "bfloat16", True),  # CoAtNet
        ((*((8, 196, 12, 32),) * 3, (1, 196, 196)), "bfloat16", False),
    ],
)
def test_what_the_kernel_serves(shapes: tuple, dtype: str, served: bool):
    assert is_fusible(*shaped(*shapes, dtype=dtype)) is served


def test_types_must_be_equal():
    q, k, v = shaped(*VIT_SMALL)
    assert not is_fusible(q, *shaped(*VIT_SMALL[1:], dtype="float16"))
    assert is_fusible(q, k, v)


def test_without_such_gpus_the_kernel_is_not_traced(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(attention_product, "gpus_fuse", lambda: False)
    assert not calls(dot_product_attention, *shaped(*VIT_SMALL))


class Device:
    """A GPU of a compute capability."""

    def __init__(self, capability: str):
        self.compute_capability = capability


@pytest.mark.parametrize(
    ("capabilities", "cudnn", "fuse"),
    [(("9.0", "10.3"), True, True), (("8.0", "7.5"), True, False), (("9.0",), False, False)],
)
def test_all_gpus_must_be_new_enough(monkeypatch: pytest.MonkeyPatch, capabilities: tuple, cudnn: bool, fuse: bool):
    def version() -> int:
        if not cudnn:
            raise RuntimeError("cuDNN is not detected.")
        return 91000

    monkeypatch.setattr(jax, "devices", lambda backend: [Device(capability) for capability in capabilities])
    monkeypatch.setattr(fused_attention_stablehlo, "check_cudnn_version", version)
    jax.clear_caches()  # of what was traced with the other version
    assert attention_product.gpus_fuse.__wrapped__() is fuse


def test_a_program_for_gpus_calls_the_kernel(with_gpus: None):
    operands = shaped(*VIT_SMALL)
    assert calls(dot_product_attention, *operands) == {FORWARD: 1}
    assert calls(jax.grad(squared, (0, 1, 2)), *operands) == {FORWARD: 2, BACKWARD: 1}
    assert not calls(jax.grad(squared, (0, 1, 2)), *operands, platform="cpu")
    assert not calls(jax.grad(squared, (0, 1, 2)), *shaped(*VIT_SMALL, dtype="float32"))


def test_a_biased_program_calls_the_kernel(with_gpus: None):
    operands = [*shaped(*((8, 196, 12, 32),) * 3), *shaped((12, 196, 196), dtype="float32")]
    assert calls(jax.grad(squared, (0, 1, 2, 3)), *operands) == {BIASED: 2, BIASED_BACKWARD: 1}


def test_replicas_call_the_kernel_once(with_gpus: None):
    replicas = [(3, *shape) for shape in VIT_SMALL]
    assert calls(jax.vmap(jax.grad(squared, (0, 1, 2))), *shaped(*replicas)) == {FORWARD: 2, BACKWARD: 1}
    biased = shaped(*((3, 8, 16, 2, 32),) * 3, (3, 2, 16, 16))
    assert not calls(jax.vmap(jax.grad(squared, (0, 1, 2, 3))), *biased)


@pytest.mark.parametrize(
    ("network", "overrides", "expected"),
    [
        ("vit_small_patch16_224", {"depth": 2}, {FORWARD, BACKWARD}),
        ("pvt_v2_b1", {"stage_sizes": (1, 1, 1, 1)}, {FORWARD, BACKWARD}),
        ("swin_t", {"stage_sizes": (1, 1, 1, 1)}, set()),
        ("coatnet_0", {"stage_sizes": (1, 1, 1, 1, 1)}, {BIASED, BIASED_BACKWARD}),
    ],
)
def test_networks_call_the_kernel(with_gpus: None, network: str, overrides: dict, expected: set[str]):
    model = dv.create_model(network, dtype="bfloat16", overrides=overrides)
    images = jax.ShapeDtypeStruct((2, *model.image_shape), jnp.float32)
    variables = jax.eval_shape(lambda x: model.init(jax.random.key(0), x, train=False), images)

    def loss(params, rest, x):
        return jnp.sum(model.apply({"params": params, **rest}, x, train=False))

    params = variables.pop("params")
    assert set(calls(jax.grad(loss), params, variables, images)) == expected


SMALL = [
    ((2, 7, 2, 8), (2, 7, 2, 8), (2, 7, 2, 8)),
    ((2, 7, 2, 8), (2, 4, 2, 8), (2, 4, 2, 8)),
    ((2, 3, 6, 2, 8), (2, 3, 5, 2, 8), (2, 3, 5, 2, 8)),
    ((2, 3, 4, 2, 8), (2, 3, 4, 2, 8), (2, 3, 4, 2, 8), (2, 4, 4)),
]


def assert_same(actual: object, expected: object):
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), actual, expected)


def gradients(product: Callable, *operands: jax.Array) -> tuple:
    """Returns the value, and the gradients of a function of it."""
    y, pull = jax.vjp(product, *operands)
    return y, pull(jnp.cos(y))


def second(product: Callable, *operands: jax.Array) -> tuple:
    """Returns the gradients of a function of the gradients."""

    def slope(*operands: jax.Array) -> jax.Array:
        return sum(jnp.sum(jnp.cos(g)) for g in gradients(product, *operands)[1])

    return jax.grad(slope, tuple(range(len(operands))))(*operands)


def both(function: Callable, *operands: jax.Array, axes: tuple | None = None) -> tuple:
    """Returns what a function makes of the fused product, and of the formula."""

    def of(product: Callable) -> Callable:
        return lambda *operands: function(product, *operands)

    return tuple(
        jax.jit(jax.vmap(of(product), in_axes=axes) if axes else of(product))(*operands) for product in (fused, plain)
    )


@pytest.mark.parametrize("shapes", SMALL)
def test_the_kernel_is_given_what_the_formula_is(kernel_of_xla: None, shapes: tuple):
    assert_same(*both(gradients, *drawn(*shapes)))


@pytest.mark.parametrize("shapes", [SMALL[1], SMALL[3]])
def test_gradients_have_gradients(kernel_of_xla: None, shapes: tuple):
    assert_same(*both(second, *drawn(*shapes)))


@pytest.mark.parametrize(
    ("shapes", "axes"),
    [(SMALL[1], (0, 0, 0)), (SMALL[1], (1, None, 2)), (SMALL[3], (0, 0, 0, 0)), (SMALL[3], (None, 0, 0, None))],
)
def test_replicas_are_what_each_is_alone(kernel_of_xla: None, shapes: tuple, axes: tuple):
    operands = drawn(*((3, *shape) for shape in shapes))
    operands = [x[0] if a is None else jnp.moveaxis(x, 0, a) for x, a in zip(operands, axes, strict=True)]
    assert_same(*both(gradients, *operands, axes=axes))


@pytest.mark.parametrize("shapes", SMALL)
def test_a_cpu_computes_the_formula(with_gpus: None, shapes: tuple):
    operands = [x.astype("bfloat16") for x in drawn(*shapes)]
    assert is_fusible(*operands)
    compiled = jax.jit(lambda *operands: dot_product_attention(*operands))
    np.testing.assert_array_equal(compiled(*operands), jax.jit(plain)(*operands))
