"""Which matrix products of a program go to oneDNN, and as what."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

_LEAST = 2**16  # multiplications; smaller products are faster where they are fused with what surrounds them


@dataclasses.dataclass(frozen=True)
class Product:
    """What kernels.cc is told: `batch` products of left [m, k] and right [k, n].

    Attributes:
        batch, m, k, n: the sizes.
        left_turned, right_turned: whether it stands in memory as [k, m], or as [n, k].
    """

    batch: int
    m: int
    k: int
    n: int
    left_turned: bool
    right_turned: bool

    def attributes(self) -> dict[str, Any]:
        """Returns the attributes of the call."""
        return dataclasses.asdict(self)


def recognized(left: Any, right: Any, out: Any, params: dict[str, Any]) -> Product | None:
    """Returns what a product of jax is for oneDNN; None: XLA keeps it.

    Args:
        left, right, out: the operands and the result, with a shape and a dtype.
        params: of `lax.dot_general_p`.
    """
    (left_contracting, right_contracting), (left_batch, right_batch) = params["dimension_numbers"]
    if any(value.dtype != np.float32 or 0 in value.shape for value in (left, right, out)):
        return None
    leading = tuple(range(len(left_batch)))
    if not (tuple(left_batch) == tuple(right_batch) == leading):
        return None
    left_turned = _begins_with(left_contracting, left.shape, len(leading))
    right_turned = _begins_with(right_contracting, right.shape, len(leading))
    if left_turned is None or right_turned is None:
        return None
    batch = math.prod(left.shape[: len(leading)])
    k = math.prod(left.shape[axis] for axis in left_contracting)
    m, n = (math.prod(operand.shape) // (batch * k) for operand in (left, right))
    return Product(batch, m, k, n, left_turned, not right_turned) if m * k * n >= _LEAST else None


def _begins_with(contracting: Sequence[int], shape: Sequence[int], start: int) -> bool | None:
    """Whether the axes summed over are, in their order, the first behind `start`, or else the last; None: neither."""
    axes, count = tuple(contracting), len(contracting)
    if axes == tuple(range(len(shape) - count, len(shape))):
        return False
    return True if axes == tuple(range(start, start + count)) else None
