"""Convolutions on CPUs by oneDNN, the library that PyTorch's are of, in place of XLA's own.

XLA's take two to five times as long for networks of few channels, and up to a hundred times where channels fall into
groups. What computes a convolution is decided where jax hands a program to XLA: gradients, `vmap` and `pmap` are those
of jax, and what oneDNN has no code for stays with XLA. The extra `onednn` installs it.
"""

from __future__ import annotations

import functools

import jax
from jax.extend.core.primitives import conv_general_dilated_p
from jax.interpreters import mlir

from deepvision.errors import UserError
from deepvision.train.onednn import library, lowering

_TARGET = "deepvision_convolution"


@functools.cache
def use() -> str | None:
    """Has oneDNN compute the convolutions of what is compiled from now on, if it is installed.

    Returns: why it does not, where it is installed but cannot be used; None: there is nothing to say.
    """
    if library.version() is None:
        return None
    try:
        jax.ffi.register_ffi_target(_TARGET, library.load(), platform="cpu")
    except UserError as error:
        return f"convolutions are left to XLA, which is slower: {error}"
    mlir.register_lowering(conv_general_dilated_p, lowering.make_rule(_TARGET), platform="cpu")
    return None


def in_use() -> str | None:
    """Returns the version of oneDNN that computes convolutions on CPUs; None: XLA does."""
    return library.version() if use.cache_info().currsize and use() is None else None
