"""Matrix products equal those of XLA in doubles, whatever computes them, and so do their gradients."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest
from jax import lax

from deepvision.train import onednn
from tests.train.onednn.reference import arrays, calls, check

CASES = {  # shapes, and the axes of left and right that are summed over and that are of the batch
    "of rows and columns": ((48, 40), (40, 56), ((1,), (0,)), ((), ())),
    "of rows and rows": ((48, 40), (56, 40), ((1,), (1,)), ((), ())),
    "of columns and columns": ((40, 48), (40, 56), ((0,), (0,)), ((), ())),
    "of columns and rows": ((40, 48), (56, 40), ((0,), (1,)), ((), ())),
    "over several axes": ((5, 8, 48), (5, 8, 56), ((0, 1), (0, 1)), ((), ())),
    "of tokens": ((4, 12, 40), (40, 56), ((2,), (0,)), ((), ())),
    "of pairs": ((3, 48, 40), (3, 40, 56), ((2,), (1,)), ((0,), (0,))),
    "of pairs along two axes": ((2, 3, 40, 48), (2, 3, 56, 40), ((2,), (3,)), ((0, 1), (0, 1))),
}


@pytest.mark.parametrize("case", CASES)
def test_a_product_and_its_gradients(case):
    left, right, *numbers = CASES[case]
    text = check(lambda a, b: lax.dot_general(a, b, tuple(numbers)), *arrays(left, right))
    assert calls(text, onednn.PRODUCT) == (3 if onednn.in_use() else 0)


def test_several_at_once():
    text = check(jax.vmap(lambda x, k: x @ k), *arrays((3, 48, 40), (3, 40, 56)))
    assert calls(text, onednn.PRODUCT) == (3 if onednn.in_use() else 0)


@pytest.mark.parametrize(
    ("left", "right", "numbers"),
    [
        ((3, 4), (4, 5), (((1,), (0,)), ((), ()))),  # too little to do
        ((48, 3, 40), (40, 3, 56), (((2,), (0,)), ((1,), (1,)))),  # a batch in the middle
    ],
)
def test_what_it_has_no_code_for_stays_with_xla(left, right, numbers):
    assert calls(check(lambda a, b: lax.dot_general(a, b, numbers), *arrays(left, right)), onednn.PRODUCT) == 0


def test_other_types_stay_with_xla():
    x = jnp.ones((64, 64), jnp.bfloat16)
    assert calls(jax.jit(jnp.dot).lower(x, x).compile().as_text(), onednn.PRODUCT) == 0
