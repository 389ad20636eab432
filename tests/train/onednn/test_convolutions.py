"""Convolutions equal those of XLA in doubles, whatever computes them, and so do their gradients."""

from __future__ import annotations

import functools
import threading

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from deepvision.layers.conv import convolve, convolve_transposed
from deepvision.train import onednn

TARGET = "deepvision_convolution"
# images [n, h, w, c], kernel [kh, kw, c / groups, features], stride, padding, dilation, groups
CASES = {
    "of 3x3": ((4, 9, 9, 16), (3, 3, 16, 32), (1, 1), (1, 1), (1, 1), 1),
    "without padding": ((3, 12, 10, 1), (5, 5, 1, 6), (1, 1), (0, 0), (1, 1), 1),
    "with a stride that leaves a row out": ((2, 10, 9, 8), (3, 3, 8, 4), (2, 2), (1, 1), (1, 1), 1),
    "with two strides": ((2, 9, 12, 8), (3, 3, 8, 5), (1, 3), (1, 0), (1, 1), 1),
    "of patches": ((2, 8, 8, 3), (4, 4, 3, 24), (4, 4), (0, 0), (1, 1), 1),
    "of points": ((2, 7, 7, 24), (1, 1, 24, 40), (1, 1), (0, 0), (1, 1), 1),
    "of points, with a stride": ((2, 7, 7, 24), (1, 1, 24, 40), (2, 2), (0, 0), (1, 1), 1),
    "with dilation": ((2, 11, 11, 6), (3, 3, 6, 7), (1, 1), (2, 2), (2, 2), 1),
    "with stride and dilation": ((2, 13, 13, 6), (3, 3, 6, 7), (2, 2), (2, 2), (2, 2), 1),
    "with more padding than the kernel reaches": ((2, 5, 5, 4), (3, 3, 4, 4), (1, 1), (4, 4), (1, 1), 1),
    "of groups": ((2, 8, 8, 12), (3, 3, 3, 8), (1, 1), (1, 1), (1, 1), 4),
    "of groups, with a stride": ((2, 8, 9, 12), (3, 3, 3, 8), (2, 2), (1, 1), (1, 1), 4),
    "of every channel": ((2, 8, 8, 10), (5, 5, 1, 10), (2, 2), (2, 2), (1, 1), 10),
    "of a kernel as large as the images": ((3, 5, 5, 4), (5, 5, 4, 9), (1, 1), (0, 0), (1, 1), 1),
}
# the same, of transposed ones: stride, padding, output padding, dilation, groups
TRANSPOSED = {
    "doubling": ((2, 5, 6, 8), (2, 2, 8, 4), (2, 2), (0, 0), (0, 0), (1, 1), 1),
    "with padding": ((2, 5, 5, 6), (5, 5, 6, 3), (3, 3), (2, 2), (1, 1), (1, 1), 1),
    "of groups": ((2, 5, 5, 6), (3, 3, 2, 9), (2, 2), (1, 1), (1, 1), (1, 1), 3),
    "with dilation": ((2, 4, 4, 3), (3, 3, 3, 5), (1, 1), (1, 1), (1, 1), (2, 2), 1),
}


def arrays(*shapes: tuple[int, ...]) -> list[np.ndarray]:
    draw = np.random.default_rng(0)
    return [draw.normal(size=shape) for shape in shapes]


def with_gradients(function, *operands):
    """Returns value and gradients of a function of images and a kernel, for a fixed cotangent."""
    y, pull = jax.vjp(function, *operands)
    return y, *pull(jnp.cos(jnp.arange(y.size, dtype=y.dtype)).reshape(y.shape))


def check(function, *operands: np.ndarray) -> str:
    """Compares with doubles, which stay with XLA; returns the program."""
    with jax.enable_x64(True):
        expected = jax.jit(functools.partial(with_gradients, function))(*operands)
    singles = [jnp.asarray(operand, jnp.float32) for operand in operands]
    compiled = jax.jit(functools.partial(with_gradients, function)).lower(*singles).compile()
    for found, wanted in zip(compiled(*singles), expected, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-4, atol=2e-6 * np.abs(wanted).max() * 10)
    return compiled.as_text()


def calls(text: str) -> tuple[int, int]:
    """Returns how many convolutions are oneDNN's, and how many XLA's."""
    return text.count(f'custom_call_target="{TARGET}"'), text.count(" convolution(")


@pytest.mark.parametrize("case", CASES)
def test_a_convolution_and_its_gradients(case):
    images, kernel, *geometry = CASES[case]
    text = check(lambda x, k: convolve(x, k, *geometry), *arrays(images, kernel))
    far = case == "with more padding than the kernel reaches"  # its gradient cuts a border off, which stays with XLA
    assert calls(text) == (((2, 1) if far else (3, 0)) if onednn.in_use() else (0, 3))


@pytest.mark.parametrize("case", TRANSPOSED)
def test_a_transposed_convolution_and_its_gradients(case):
    images, kernel, *geometry = TRANSPOSED[case]
    text = check(lambda x, k: convolve_transposed(x, k, *geometry), *arrays(images, kernel))
    assert calls(text) == ((3, 0) if onednn.in_use() else (0, 3))


@pytest.mark.parametrize("axes", [(0, 0), (0, None), (None, 0)])
def test_several_at_once(axes):
    """Replicas: of a kernel each, as of one for all."""
    images, kernel = ((2, 6, 6, 4), (3, 3, 4, 8))
    shapes = [(3, *shape) if axis == 0 else shape for shape, axis in zip((images, kernel), axes, strict=True)]
    check(jax.vmap(lambda x, k: convolve(x, k, (1, 1), (1, 1)), in_axes=axes), *arrays(*shapes))


def test_gradients_of_gradients():
    def penalty(x, k):
        return jnp.sum(jax.grad(lambda x: jnp.sum(jnp.tanh(convolve(x, k, (2, 2), (1, 1)))))(x) ** 2)

    check(penalty, *arrays((2, 7, 7, 4), (3, 3, 4, 6)))


def test_what_it_has_no_code_for_stays_with_xla():
    def one_axis(x, k):
        return lax.conv_general_dilated(x, k, (1,), "SAME", dimension_numbers=("NWC", "WIO", "NWC"))

    assert calls(check(one_axis, *arrays((2, 9, 4), (3, 4, 5))))[0] == 0
    x, k = (jnp.ones(shape, jnp.bfloat16) for shape in ((1, 5, 5, 2), (3, 3, 2, 2)))
    text = jax.jit(lambda x, k: convolve(x, k, (1, 1), (1, 1))).lower(x, k).compile().as_text()
    assert calls(text)[0] == 0


def test_threads_share_what_is_prepared():
    """One call from many threads at once, as of many devices in one process."""
    x, k = (jnp.asarray(value, jnp.float32) for value in arrays((8, 12, 12, 16), (3, 3, 16, 16)))
    run = jax.jit(lambda x, k: with_gradients(lambda x, k: convolve(x, k, (1, 1), (1, 1)), x, k))
    expected, found = run(x, k), {}

    def work(number: int) -> None:
        found[number] = [run(x, k) for _ in range(20)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(found) == 6
    for results in found.values():
        for result in results:
            assert all(np.array_equal(a, b) for a, b in zip(result, expected, strict=True))
