"""Convolutions and matrix products on CPUs by oneDNN, the library that PyTorch's are of, in place of XLA's own.

XLA's convolutions take two to five times as long for networks of few channels, and up to a hundred times where channels
fall into groups; its products first turn around in memory what stands the other way. What computes them is decided
where jax hands a program to XLA: gradients, `vmap` and `pmap` are those of jax, and what oneDNN has no code for stays
with XLA. The extra `onednn` installs it.
"""

from __future__ import annotations

import functools

import jax
from jax.extend.core.primitives import conv_general_dilated_p, dot_general_p
from jax.interpreters import mlir

from deepvision.errors import UserError
from deepvision.train.onednn import convolutions, library, products
from deepvision.train.onednn.lowering import make_rule

CONVOLUTION, PRODUCT = "deepvision_convolution", "deepvision_product"


@functools.cache
def use() -> str | None:
    """Has oneDNN compute the convolutions and products of what is compiled from now on, if it is installed.

    Returns: why it does not, where it is installed but cannot be used; None: there is nothing to say.
    """
    if library.version() is None:
        return None
    try:
        _register()
    except UserError as error:
        return f"convolutions are left to XLA, which is slower: {error}"
    return None


def in_use() -> str | None:
    """Returns the version of oneDNN that computes convolutions on CPUs; None: XLA does."""
    return library.version() if use.cache_info().currsize and use() is None else None


def _register() -> None:
    try:  # there are no public names for what is wrapped
        from jax._src.lax.convolution import _conv_general_dilated_lower
        from jax._src.lax.lax import _dot_general_lower
    except ImportError as error:
        raise UserError(f"oneDNN does not fit jax {jax.__version__}: {error}") from error
    ours = library.load()
    jax.ffi.register_ffi_target(CONVOLUTION, jax.ffi.pycapsule(ours.deepvision_convolution), platform="cpu")
    jax.ffi.register_ffi_target(PRODUCT, jax.ffi.pycapsule(ours.deepvision_product), platform="cpu")
    convolve = functools.partial(_conv_general_dilated_lower, expand_complex_convolutions=True)
    multiply = functools.partial(_dot_general_lower, platform="cpu")
    for operation, rule in (
        (conv_general_dilated_p, make_rule(CONVOLUTION, convolutions.recognized, convolve)),
        (dot_general_p, make_rule(PRODUCT, products.recognized, multiply)),
    ):
        mlir.register_lowering(operation, rule, platform="cpu")
