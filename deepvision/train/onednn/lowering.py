"""The code of an operation on a CPU: a call of oneDNN, or what XLA makes of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import jax
from jax.interpreters import mlir


def make_rule(target: str, recognized: Callable[..., Any], by_xla: Callable[..., Any]) -> Callable[..., Any]:
    """Returns what jax asks for the code of an operation of two operands.

    Args:
        target: the name of the call.
        recognized: (left, right, out, parameters) -> what is called, with its attributes; None: nothing is.
        by_xla: jax's own rule.
    """
    call = jax.ffi.ffi_lowering(target)

    def rule(context: mlir.LoweringRuleContext, left: mlir.Value, right: mlir.Value, **params: Any) -> Any:
        found = recognized(*context.avals_in, *context.avals_out, params) if _whole(context) else None
        if found is None:
            return by_xla(context, left, right, **params)
        return call(context, left, right, **found.attributes())

    return rule


def _whole(context: mlir.LoweringRuleContext) -> bool:
    """Whether the operands are whole: XLA, which may cut them over devices, cannot cut what it does not know."""
    place = context.module_context.axis_context
    if isinstance(place, mlir.ShardingContext):
        return place.num_devices == 1
    return not isinstance(place, mlir.SPMDAxisContext) or set(place.manual_axes) == set(place.mesh.axis_names)
