"""Options of XLA's compiler for CPUs, which it reads when jax starts its backend."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os

# Keeps optimization barriers, `ops.materialize`, which are else dropped before operations are fused. Compilers for
# accelerators drop them after that, and must.
_BARRIERS = "--xla_disable_hlo_passes=cse_barrier_expander,optimization_barrier_expander"
# Convolutions that stand alone go to Eigen: there, the gradient of a kernel takes a third to a half less time than
# with YNNPACK; but for doubles, which Eigen has no code for.
_EIGEN = "--xla_cpu_experimental_ynn_fusion_type=-individual_convolution"
_EIGEN_SINCE, _EIGEN_UNTIL = (0, 10, 2), (0, 12)  # the versions of jaxlib known to know it: others would end there


def set_options(doubles: bool = False) -> None:
    """Adds what makes training faster on a CPU to $XLA_FLAGS. Call it before jax starts its backend.

    A user's own options stay, and one that is set there already is left as it is.

    Args:
        doubles: whether convolutions are to be fast in float64, not in float32.
    """
    if on_cpu():
        flags = os.environ.get("XLA_FLAGS", "")
        new = [option for option in _options(doubles) if option.split("=")[0] not in flags]
        os.environ["XLA_FLAGS"] = " ".join([*flags.split(), *new])


def _options(doubles: bool) -> list[str]:
    known = _EIGEN_SINCE <= _version("jaxlib") < _EIGEN_UNTIL
    return [_BARRIERS, _EIGEN] if known and not doubles else [_BARRIERS]


def _version(package: str) -> tuple[int, ...]:
    """Returns the numbers of a version: (0, 10, 2)."""
    parts = importlib.metadata.version(package).split(".")
    return tuple(int(part) for part in parts if part.isdecimal())


def on_cpu() -> bool:
    """Whether jax can but run on a CPU: it is told so, or no support for another device is installed."""
    others = ("jax_plugins", "libtpu")
    return os.environ.get("JAX_PLATFORMS") == "cpu" or not any(map(importlib.util.find_spec, others))
