"""The product of attention, softmax(q k^T / sqrt(d) + bias) v: as written, or fused into one kernel of cuDNN.

The fused kernel keeps the weights [..., h, t, s] out of memory. It is taken on NVIDIA GPUs since Ampere, for operands
of 16 bits that it serves. Its gradient sums in an order that may change from run to run, unless XLA is told otherwise
(XLA_FLAGS=--xla_gpu_deterministic_ops=true). Source: Dao et al. 2022, "FlashAttention" (2205.14135).
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jax import lax

from deepvision import ops
from deepvision.types import Array

Operands = tuple[Array, ...]  # queries, keys, values, and a bias if there is one

AMPERE = 8.0  # the compute capability that cuDNN's fused attention begins with
WIDEST = 128  # channels of a head, before Hopper


def dot_product_attention(q_nthd: Array, k_nshd: Array, v_nshd: Array, bias_hts: Array | None = None) -> Array:
    """Returns softmax(q k^T / sqrt(d) + bias) v for every head, [..., t, h, d]; no site.

    Args:
        q_nthd: queries [..., t, h, d].
        k_nshd, v_nshd: keys and values [..., s, h, d].
        bias_hts: what is added to the products, such that it broadcasts to [..., h, t, s].
    Source: Vaswani et al. 2017, equation 1.
    """
    operands = (q_nthd, k_nshd, v_nshd) if bias_hts is None else (q_nthd, k_nshd, v_nshd, bias_hts)
    return by_platform(*operands) if gpus_fuse() and is_fusible(*operands) else plain(*operands)


def plain(q_nthd: Array, k_nshd: Array, v_nshd: Array, bias_hts: Array | None = None) -> Array:
    """The formula as it stands, the softmax in float32 at least."""
    logits_nhts = jnp.einsum("...thd,...shd->...hts", q_nthd / math.sqrt(q_nthd.shape[-1]), k_nshd)
    logits_nhts = logits_nhts.astype(ops.accumulation_dtype(logits_nhts))
    if bias_hts is not None:
        logits_nhts = logits_nhts + bias_hts
    weights_nhts = jax.nn.softmax(logits_nhts).astype(v_nshd.dtype)
    return jnp.einsum("...hts,...shd->...thd", weights_nhts, v_nshd)


@functools.cache
def gpus_fuse() -> bool:
    """Whether jax has NVIDIA GPUs, and all of them, in all processes, run the fused kernel.

    Elsewhere its code cannot even be traced: jax asks for the GPU, and for the version of cuDNN.
    """
    sample = jax.ShapeDtypeStruct((1, 8, 1, 8), jnp.bfloat16)
    try:
        devices = jax.devices("cuda")
        jax.eval_shape(_cudnn, sample, sample, sample)
    except RuntimeError:  # there is none, or cuDNN is missing or too old
        return False
    return all(float(device.compute_capability) >= AMPERE for device in devices)


def is_fusible(q_nthd: Array, k_nshd: Array, v_nshd: Array, bias_hts: Array | None = None) -> bool:
    """Whether cuDNN serves operands of these shapes and types, with gradients.

    It needs 16 bits, more than one position, and heads of a multiple of 8 channels. A bias must be that of every
    example, [h, t, s], and t and s even: windows of 7x7 have an odd 49 positions.
    """
    t, h, d = q_nthd.shape[-3:]
    s = k_nshd.shape[-3]
    alike = k_nshd.shape == v_nshd.shape == (*q_nthd.shape[:-3], s, h, d)
    types = {x.dtype for x in (q_nthd, k_nshd, v_nshd)}
    served = len(types) == 1 and types <= {jnp.dtype("bfloat16"), jnp.dtype("float16")}
    biased = bias_hts is None or (bias_hts.shape == (h, t, s) and t % 2 == 0 and s % 2 == 0)
    return alike and served and min(t, s) > 1 and d % 8 == 0 and d <= WIDEST and biased


def _cudnn(q_nthd: Array, k_nshd: Array, v_nshd: Array, bias_hts: Array | None = None) -> Array:
    """Its gradient is for even t and s: odd ones get a position more, which the kernel is told to pass over."""
    folded = [x.reshape(-1, *x.shape[-3:]) for x in (q_nthd, k_nshd, v_nshd)]
    counts = [x.shape[1] for x in folded[:2]]  # t, s
    odd = any(count % 2 for count in counts)
    y_nthd = jax.nn.dot_product_attention(
        *(jnp.pad(x, ((0, 0), (0, x.shape[1] % 2), (0, 0), (0, 0))) for x in folded),
        bias=None if bias_hts is None else bias_hts[None].astype(q_nthd.dtype),
        query_seq_lengths=jnp.full(len(folded[0]), counts[0], jnp.int32) if odd else None,
        key_value_seq_lengths=jnp.full(len(folded[1]), counts[1], jnp.int32) if odd else None,
        implementation="cudnn",
    )
    return y_nthd[:, : counts[0]].reshape(q_nthd.shape)


def _completed(kernel: Callable, formula: Callable) -> Callable:
    """Returns a kernel, a function of `(operands, *cotangent)`, that can be mapped, and derived as the formula.

    What is mapped over is one more axis in front where there is no bias. With one, each would have its own, which is
    not served: the formula is mapped.
    """

    @jax.custom_batching.custom_vmap
    def once(operands: Operands, *cotangent: Array) -> Any:
        return kernel(operands, *cotangent)

    @once.def_vmap
    def mapped(size: int, is_mapped: Any, *arguments: Any) -> tuple[Any, Any]:
        axes = jax.tree.map(lambda is_one: 0 if is_one else None, tuple(is_mapped))
        if len(arguments[0]) > 3:
            result = jax.vmap(formula, in_axes=axes)(*arguments)
        else:
            every = jax.vmap(lambda *one: one, in_axes=axes, axis_size=size)(*arguments)  # what all share, repeated
            result = once(*every)
        return result, jax.tree.map(lambda _: True, result)

    derived = jax.custom_jvp(once)

    @derived.defjvp
    def derivative(primals: tuple, tangents: tuple) -> tuple[Any, Any]:
        return derived(*primals), jax.jvp(formula, primals, tangents)[1]

    return derived


def _pulled_back(product: Callable) -> Callable:
    """Returns the gradient of a product as a function of `(operands, cotangent)`."""
    return lambda operands, cotangent: jax.vjp(product, *operands)[1](cotangent)


# The value is that of a call which is to be differentiated, so that XLA makes one of it and the gradient's own.
_value = _completed(lambda operands: jax.vjp(_cudnn, *operands)[0], lambda operands: plain(*operands))
_gradient = _completed(_pulled_back(_cudnn), _pulled_back(plain))


@jax.custom_vjp
def fused(*operands: Array) -> Array:
    """The product by cuDNN's kernel, its gradient by that of the gradient; what lies beyond, by the formula."""
    return _value(operands)


fused.defvjp(lambda *operands: (_value(operands), operands), _gradient)


@jax.jit  # outside of a compiled function too, the platform is that of the operands
def by_platform(*operands: Array) -> Array:
    """The fused product where a program is made for NVIDIA GPUs, the formula everywhere else."""
    return lax.platform_dependent(*operands, cuda=fused, default=plain)
