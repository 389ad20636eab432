"""What all norms share: the protocol, the check of arguments, the declared laws, and the affine map."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

import flax.linen as nn
from jax import lax

from deepvision import ops
from deepvision.types import Array, Initializer


class Norm(nn.Module):
    """What the norms share: an affine map per channel behind the standardization.

    Every norm declares what it is, and tests hold it to that. Axes are written as letters of "nhwc": examples,
    positions (always "hw", as all their axes are treated alike) and channels.

    Attributes:
        scale_init: initial value of the scale; set by the site (zero at the end of some residual branches).
        activate: whether the site wants an activation directly behind; norms that bring their own apply it then.
    Raises: UserError, when it is made, if an argument is outside its range.
    """

    scale_init: Initializer = nn.initializers.ones
    activate: bool = False

    site_arguments: ClassVar[tuple[str, ...]] = ("scale_init", "activate")
    argument_words: ClassVar[Mapping[str, str]] = {}
    word: ClassVar[str]  # its name in the table
    shifts: ClassVar[bool] = True  # adds a learned bias, so that a convolution in front of it needs none
    activates: ClassVar[bool] = False  # stands for the activation behind it too
    # The axes along which, in training, one value of x moves other values of y.
    couples: ClassVar[str]
    # The axes along which a factor above 0 of x may vary without changing y; None: it ignores no factor at all.
    ignores_scale: ClassVar[str | None]
    # The same of a constant added to x.
    ignores_shift: ClassVar[str | None]

    def __post_init__(self) -> None:
        self.check()
        super().__post_init__()

    def check(self) -> None:
        """Raises UserError if an argument is outside its range."""

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"norm {self.word!r}"

    def scale(self, x: Array) -> Array:
        """Returns the learned factor per channel, [c]."""
        return self.param("scale", self.scale_init, x.shape[-1:]).astype(x.dtype)

    def bias(self, x: Array) -> Array:
        """Returns the learned constant per channel, [c], zero at first."""
        return self.param("bias", nn.initializers.zeros, x.shape[-1:]).astype(x.dtype)

    def affine(self, x: Array) -> Array:
        """Returns scale * x + bias."""
        return x * self.scale(x) + self.bias(x)

    def normalize(self, x: Array, mean: Array, variance: Array, epsilon: float) -> Array:
        """Returns scale (x - mean) / sqrt(variance + epsilon) + bias, for moments that are one over all positions.

        Scale and deviation make one factor, so that the gradients of both come from one pass over the values.
        """
        return ops.rescale(x, mean, lax.rsqrt(variance + epsilon) * self.scale(x), self.bias(x))
