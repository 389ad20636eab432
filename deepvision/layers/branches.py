"""The inception module: parallel branches whose outputs are put side by side, written as a table.

A row is a branch, an entry a step of it:

    (
        (Conv(64),),
        (Conv(96), Conv(128, 3)),
        (Conv(16), Conv(32, 5)),
        (Pool(Window(3, 1, padding=1)), Conv(32)),
    )

Szegedy et al. 2014, "Going deeper with convolutions" (1409.4842): figure 2(b).
"""

from __future__ import annotations

import dataclasses
import string
from typing import TYPE_CHECKING, TypeAlias

import flax.linen as nn
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.linear import Pair
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.types import Images

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers

MULTIPLE = 8  # what scaled widths are multiples of


@dataclasses.dataclass(frozen=True)
class Conv:
    """A convolution of a branch, with its norm and activation: a `ConvUnit`.

    Attributes:
        features: output channels, before the width of the network scales them.
        kernel, stride, padding: as of `BoundLayers.conv`; padding None keeps the size at stride 1.
    """

    features: int
    kernel: int | Pair = 1
    stride: int = 1
    padding: int | None = None


@dataclasses.dataclass(frozen=True)
class Pool:
    """A pooling of a branch.

    Attributes:
        window: its geometry.
        second: whether it is of the second kind that the network has (see `Layers.second`).
    """

    window: Window
    second: bool = False


Fork: TypeAlias = tuple[Conv, ...]  # convolutions side by side: where a branch splits once more
Branch: TypeAlias = tuple[Conv | Pool | Fork, ...]
Table: TypeAlias = tuple[Branch, ...]


def scaled(features: int, width: float) -> int:
    """Returns the channels at a relative width: a multiple of 8, at least 8; as they are at width 1."""
    return features if width == 1 else max(round(features * width / MULTIPLE), 1) * MULTIPLE


class Branches(nn.Module):
    """y = [branch_1(x), branch_2(x), ...] along the channels, and attention behind: [n, h, w, c] -> [n, h', w', c'].

    The parameters of branch i, step j lie under "branch{i}_{j}", with a letter behind for the convolutions of a fork.

    Attributes:
        layers: the bound layers of the network.
        table: the branches.
        width: factor of all channels; see `scaled`.
        attend: whether an attention block stands behind; not on a residual branch, which has its own.
        first: x is already normalized and activated; see `ConvUnit`.
        lrn: as of `ConvUnit`, for all convolutions.
    Raises: UserError if the branches come out at different sizes.
    """

    layers: BoundLayers
    table: Table
    width: float = 1.0
    attend: bool = True
    first: bool = False
    lrn: bool | None = None

    @nn.compact
    def __call__(self, x: Images) -> Images:
        outputs = [self._branch(x, branch, f"branch{number}") for number, branch in enumerate(self.table, start=1)]
        sizes = list(dict.fromkeys(f"{y.shape[1]}x{y.shape[2]}" for y in outputs))
        if len(sizes) > 1:
            raise UserError(
                f"branches at {'/'.join(self.path)}: {x.shape[1]}x{x.shape[2]} positions become {' and '.join(sizes)};"
                " resize the images so that sides stay even, such as to a multiple of 32"
            )
        y = jnp.concatenate(outputs, axis=-1)
        return self.layers.attention(name="attention")(y) if self.attend else y

    def _branch(self, x: Images, branch: Branch, name: str) -> Images:
        for number, step in enumerate(branch, start=1):
            x = self._step(x, step, f"{name}_{number}", self.first and number == 1)
        return x

    def _step(self, x: Images, step: Conv | Pool | Fork, name: str, first: bool) -> Images:
        match step:
            case Conv():
                return self._conv(step, name, first)(x)
            case Pool():
                layers = self.layers.second if step.second else self.layers
                return layers.pool(step.window, name=name)(x)
        parts = zip(step, string.ascii_lowercase, strict=False)
        return jnp.concatenate([self._conv(conv, name + letter, first)(x) for conv, letter in parts], axis=-1)

    def _conv(self, conv: Conv, name: str, first: bool) -> ConvUnit:
        return ConvUnit(
            self.layers,
            scaled(conv.features, self.width),
            conv.kernel,
            conv.stride,
            padding=conv.padding,
            first=first,
            lrn=self.lrn,
            name=name,
        )
