"""Options of XLA's compiler for CPUs, which it reads when jax starts its backend."""

from __future__ import annotations

import importlib.util
import os

_DISABLED = "--xla_disable_hlo_passes="
_DROP_BARRIERS = "cse_barrier_expander,optimization_barrier_expander"


def keep_barriers() -> None:
    """Has the compiler keep optimization barriers, `ops.materialize`, where it would drop them before it fuses.

    For a CPU alone: compilers for accelerators drop them after that, and must. Call it before jax starts its backend.
    A user's own $XLA_FLAGS stay, and one that disables passes itself is left as it is.
    """
    flags = os.environ.get("XLA_FLAGS", "")
    if _on_cpu() and _DISABLED not in flags:
        os.environ["XLA_FLAGS"] = f"{flags} {_DISABLED}{_DROP_BARRIERS}".strip()


def _on_cpu() -> bool:
    """Whether jax can but run on a CPU: it is told so, or no support for another device is installed."""
    others = ("jax_plugins", "libtpu")
    return os.environ.get("JAX_PLATFORMS") == "cpu" or not any(map(importlib.util.find_spec, others))
