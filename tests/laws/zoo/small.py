"""What a small network of the zoo is, and what of the laws does not hold for it, with the reason."""

from __future__ import annotations

import dataclasses
import functools
from typing import Any

import jax
import jax.numpy as jnp

import deepvision as dv
from deepvision.models import Description, Network

Shape = tuple[int, ...]
# Why a residual network refuses an activation.
RESIDUAL = (("act", "changes the width and cannot follow a residual sum"),)
# Under `pre`, shortcuts start from what is normalized.
SHORTCUTS = (("pre", ".*shortcut/norm"),)
# Why a network of tokens refuses an attention block.
TOKENS = (("attention", r"needs images \[n, h, w, c\], got shape"),)
# Under `post`, every sum of a transformer is normalized, and so is what leaves the last.
CLOSING_NORM = (("post", "norm"),)


@dataclasses.dataclass(frozen=True)
class Small:
    """A network of the zoo, as small as it keeps all of its kinds of blocks.

    Attributes:
        name: in the zoo.
        shape: (h, w, c) of its input.
        overrides: what makes it small.
        pyramid: (h, w, c) of a larger input, and of what `features` makes of it; None: as another of its family.
        too_small: (h, w, c) of an input that it must refuse, if there is one.
        refusals: kind of choice -> why it may refuse an entry (regular expression); any other refusal is a defect.
        placeless: placements that it refuses.
        lrn_sites: where an LRN stands, if not wherever any other norm does.
        lost_norms: placement -> regular expression of the norms, and activations behind them, that it does without.
        biasless: in a transformer, where every layer owns a bias whatever norm follows, regular expression of those
            that own none; None: it is no transformer.
        linear_maps: elsewhere, regular expression of layers that own no bias whatever follows.
        nonlinear: what defines the network, is no site and no affine map, if there is such a thing.
    """

    name: str
    shape: tuple[int, int, int]
    overrides: tuple[tuple[str, Any], ...] = ()
    pyramid: tuple[Shape, tuple[Shape, ...]] | None = None
    too_small: tuple[int, int, int] | None = None
    refusals: tuple[tuple[str, str], ...] = ()
    placeless: tuple[str, ...] = ()
    lrn_sites: tuple[str, ...] = ()
    lost_norms: tuple[tuple[str, str], ...] = ()
    biasless: str | None = None
    linear_maps: str = ""
    nonlinear: str = ""

    def __str__(self) -> str:
        return self.name

    def make(self, **choices: Any) -> Network:
        """Returns the network with the given layers."""
        return dv.create_model(self.name, overrides=dict(self.overrides), **choices)

    def shapes(self, **choices: Any) -> Any:
        """Returns the variables of the network, without values."""
        model = self.make(**choices)
        return jax.eval_shape(model.init, jax.random.key(0), jax.ShapeDtypeStruct((1, *self.shape), jnp.float32))

    @functools.cache  # noqa: B019 (there are few of them)
    def describe(self, **choices: Any) -> Description:
        """Describes the network with the given layers."""
        return dv.describe(self.make(**choices), self.shape)
