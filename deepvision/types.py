"""Names for the arrays and functions that pass between the floors."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import jax

Array: TypeAlias = jax.Array
Key: TypeAlias = jax.Array  # a typed PRNG key, or an array of them
Images: TypeAlias = jax.Array  # [n, h, w, c], channels last
Tokens: TypeAlias = jax.Array  # [n, t, c]
Shape: TypeAlias = tuple[int, ...]
Initializer: TypeAlias = Callable[[Key, Shape, Any], Array]
Transform: TypeAlias = Callable[[Array], Array]  # what a bound layer is: x -> y

IGNORE = 255  # the class of pixels that do not count
