"""What the attention blocks share."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, ClassVar

import flax.linen as nn

from deepvision.errors import UserError
from deepvision.types import Array

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


class AttentionBlock(nn.Module):
    """A site of an attention block: `x -> x` of the same shape [n, ..., c], channels last.

    Attributes:
        layers: the bound layers of the network; set by the site.
        hidden: units of the bottleneck where the network's paper says how many; set by the site.
    """

    layers: BoundLayers
    hidden: int | None = None

    site_arguments: ClassVar[tuple[str, ...]] = ("layers", "hidden")


class NoAttention(AttentionBlock):
    """y = x; no source."""

    def __call__(self, x: Array) -> Array:
        return x


def position_axes(x: Array) -> tuple[int, ...]:
    """Returns the axes of positions: all but examples and channels."""
    return tuple(range(1, x.ndim - 1))


def positions(where: str, x: Array) -> int:
    """Returns how many positions `x` has; refuses features [n, c], which have none."""
    if x.ndim < 3:
        raise UserError(f"{where}: needs positions, [n, h, w, c] or [n, t, c], got shape {x.shape}")
    return math.prod(x.shape[1:-1])


def require_plane(where: str, x: Array) -> None:
    """Refuses what are not images."""
    if x.ndim != 4:
        raise UserError(f"{where}: needs images [n, h, w, c], got shape {x.shape}")
