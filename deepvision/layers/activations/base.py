"""What all activations share: the site, and what an entry declares about itself."""

from __future__ import annotations

import dataclasses
from typing import ClassVar, Literal

import flax.linen as nn


@dataclasses.dataclass(frozen=True)
class Properties:
    """What is known of an activation with its default arguments, as it is in evaluation when freshly initialized.

    Attributes:
        derivative: the least interval that holds every partial derivative.
        range: the least interval that holds every value.
        saturates: where the derivative tends to zero: towards -infinity ("left"), +infinity ("right"), "both" or
            "none". Where several channels make one value, all of them go there together.
    """

    derivative: tuple[float, float]
    range: tuple[float, float]
    saturates: Literal["left", "right", "both", "none"]


class Activation(nn.Module):
    """A site of an activation: `(x, train) -> x`.

    Raises: UserError, when it is made, if an argument is outside its range.
    """

    word: ClassVar[str]  # its name in the table

    def __post_init__(self) -> None:
        self.check()
        super().__post_init__()

    def check(self) -> None:
        """Raises UserError if an argument is outside its range."""

    @property
    def where(self) -> str:
        """The entry, for messages."""
        return f"act {self.word!r}"
