"""Which parameters are what, by role and rank alone: never by the kind of layer they belong to."""

from __future__ import annotations

from typing import Any

from deepvision.types import Array


def is_kernel(path: tuple[Any, ...], value: Array) -> bool:
    """Tells whether a leaf is the kernel of a convolution or dense layer: a role "kernel...", of rank above one.

    Args:
        path: keys of the leaf, as `jax.tree_util.tree_map_with_path` gives them.
        value: the leaf.
    """
    return str(path[-1].key).startswith("kernel") and value.ndim > 1
