"""Which convolutions of a program go to oneDNN, and as what.

A training step convolves in three ways, all of which jax writes as one operation: forward; the gradient of the images,
a convolution of what lies `stride` apart; and the gradient of the kernel, in which images and channels change places.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import jax
import numpy as np
from jax.interpreters import mlir

from deepvision.errors import UserError

Pair = tuple[int, int]

FORWARD, IMAGES_GRADIENT, KERNEL_GRADIENT = range(3)  # as in convolution.cc

_IMAGES = (0, 3, 1, 2)  # where batch, channels, height and width stand in [n, h, w, c]
_KERNEL_LAST, _KERNEL_FIRST = (3, 2, 0, 1), (2, 3, 0, 1)  # outputs, inputs, height, width of [kh, kw, a, b]
_ACROSS = (3, 0, 1, 2)  # the gradient of the kernel adds over the batch, as others do over channels


@dataclasses.dataclass(frozen=True)
class Convolution:
    """What convolution.cc is told: a convolution of `src` with a kernel [kh, kw, a, b] into `dst`, and what is unknown.

    Attributes:
        kind: FORWARD (`dst` is computed), IMAGES_GRADIENT (`src` is) or KERNEL_GRADIENT.
        strides, dilation, padding_low, padding_high: of the convolution.
        groups: into which the channels fall.
        total_last: whether b, or a, counts the channels of all groups; the other counts those of one.
        total_is_dst: whether these are channels of `dst`, or of `src`.
        reversed: whether the taps stand in the reverse order.
        swapped: whether the operands of a gradient of the kernel are `dst` and `src`, or `src` and `dst`.
    """

    kind: int
    strides: Pair
    dilation: Pair
    padding_low: Pair
    padding_high: Pair
    groups: int
    total_last: bool = True
    total_is_dst: bool = True
    reversed: bool = False
    swapped: bool = False

    def attributes(self) -> dict[str, Any]:
        """Returns the attributes of the call."""
        values = dataclasses.asdict(self)
        return {name: np.array(v, np.int64) if isinstance(v, tuple) else v for name, v in values.items()}


def make_rule(target: str) -> Callable:
    """Returns what jax asks for the code of a convolution on a CPU: a call of `target`, or what XLA makes of it.

    Raises:
        UserError: this version of jax has its own code for it somewhere else.
    """
    try:
        from jax._src.lax.convolution import _conv_general_dilated_lower as by_xla  # there is no public name for it
    except ImportError as error:
        raise UserError(f"oneDNN does not fit jax {jax.__version__}: {error}") from error
    call = jax.ffi.ffi_lowering(target)

    def rule(context: mlir.LoweringRuleContext, left: mlir.Value, right: mlir.Value, **params: Any) -> Any:
        found = recognized(*context.avals_in, *context.avals_out, params) if _whole(context) else None
        if found is None:
            return by_xla(context, left, right, expand_complex_convolutions=True, **params)
        return call(context, left, right, **found.attributes())

    return rule


def _whole(context: mlir.LoweringRuleContext) -> bool:
    """Whether the operands are whole: XLA, which may cut them over devices, cannot cut what it does not know."""
    place = context.module_context.axis_context
    if isinstance(place, mlir.ShardingContext):
        return place.num_devices == 1
    return not isinstance(place, mlir.SPMDAxisContext) or set(place.manual_axes) == set(place.mesh.axis_names)


def recognized(left: Any, right: Any, out: Any, params: dict[str, Any]) -> Convolution | None:
    """Returns what a convolution of jax is for oneDNN; None: XLA keeps it.

    Args:
        left, right, out: the operands and the result, with a shape and a dtype.
        params: of `lax.conv_general_dilated_p`.
    """
    numbers = params["dimension_numbers"]
    if any(value.dtype != np.float32 or len(value.shape) != 4 or 0 in value.shape for value in (left, right, out)):
        return None
    spec = (numbers.lhs_spec, numbers.rhs_spec, numbers.out_spec)
    if spec == (_ACROSS, _ACROSS, _KERNEL_FIRST):
        return _kernel_gradient(left, right, out, params) if params["feature_group_count"] == 1 else None
    if spec not in ((_IMAGES, _KERNEL_LAST, _IMAGES), (_IMAGES, _KERNEL_FIRST, _IMAGES)):
        return None
    if params["batch_group_count"] != 1:
        return None
    total_last = numbers.rhs_spec == _KERNEL_LAST
    straight = tuple(params["lhs_dilation"]) == (1, 1)
    return (_forward if straight else _images_gradient)(left, right, out, params, total_last)


def _forward(left: Any, right: Any, out: Any, params: dict[str, Any], total_last: bool) -> Convolution | None:
    low, high = zip(*params["padding"], strict=True)
    strides, dilation = tuple(params["window_strides"]), tuple(params["rhs_dilation"])
    made = Convolution(FORWARD, strides, dilation, low, high, params["feature_group_count"], total_last)
    return made if _fits(made, left, right, out) else None


def _images_gradient(left: Any, right: Any, out: Any, params: dict[str, Any], total_last: bool) -> Convolution | None:
    """The images lie `stride` apart: what a kernel gives back to each of its inputs, from every output."""
    if tuple(params["window_strides"]) != (1, 1):
        return None
    strides, dilation = tuple(params["lhs_dilation"]), tuple(params["rhs_dilation"])
    low = _turned(params["padding"], right, dilation)
    high = _far_padding(strides, dilation, low, out, right, left)
    groups = params["feature_group_count"]
    made = Convolution(IMAGES_GRADIENT, strides, dilation, low, high, groups, total_last, False, reversed=True)
    return made if _fits(made, out, right, left) else None


def _kernel_gradient(left: Any, right: Any, out: Any, params: dict[str, Any]) -> Convolution | None:
    if tuple(params["lhs_dilation"]) != (1, 1):
        return _transposed_kernel_gradient(left, right, out, params)
    low = tuple(p for p, _ in params["padding"])
    strides, dilation = tuple(params["rhs_dilation"]), tuple(params["window_strides"])
    high = _far_padding(strides, dilation, low, left, out, right)
    made = Convolution(KERNEL_GRADIENT, strides, dilation, low, high, params["batch_group_count"])
    return made if _fits(made, left, out, right) else None


def _transposed_kernel_gradient(left: Any, right: Any, out: Any, params: dict[str, Any]) -> Convolution | None:
    """Of a transposed convolution, which makes large images of small ones: the large ones are `src`."""
    if tuple(params["rhs_dilation"]) != (1, 1):
        return None
    strides, dilation = tuple(params["lhs_dilation"]), tuple(params["window_strides"])
    low = _turned(params["padding"], out, dilation)
    high = _far_padding(strides, dilation, low, right, out, left)
    groups = params["batch_group_count"]
    made = Convolution(
        KERNEL_GRADIENT, strides, dilation, low, high, groups, total_is_dst=False, reversed=True, swapped=True
    )
    return made if _fits(made, right, out, left) else None


def _turned(padding: Any, kernel: Any, dilation: Pair) -> Pair:
    """Returns the padding of a convolution from that of the one with its kernel turned around."""
    reach = [d * (size - 1) for size, d in zip(kernel.shape, dilation, strict=False)]
    return tuple(r - p for r, (p, _) in zip(reach, padding, strict=True))


def _far_padding(strides: Pair, dilation: Pair, low: Pair, images: Any, kernel: Any, outputs: Any) -> Pair:
    """Returns the padding at the far side of a convolution, which its gradients do not tell."""
    geometry = zip(images.shape[1:3], kernel.shape[:2], outputs.shape[1:3], strides, dilation, low, strict=True)
    return tuple((m - 1) * s + d * (k - 1) + 1 - size - p for size, k, m, s, d, p in geometry)


def _fits(made: Convolution, images: Any, kernel: Any, outputs: Any) -> bool:
    """Whether oneDNN takes the padding, and has as many outputs from it."""
    sizes = zip(images.shape[1:3], kernel.shape[:2], outputs.shape[1:3], strict=True)
    pads = zip(made.strides, made.dilation, made.padding_low, made.padding_high, strict=True)
    return all(
        low >= 0 and high > -s and (size - d * (k - 1) - 1 + low + high) // s + 1 == m
        for (size, k, m), (s, d, low, high) in zip(sizes, pads, strict=True)
    )
