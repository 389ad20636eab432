"""What networks put around their units: residual sums, what opens and closes a stage, the classifier."""

from __future__ import annotations

import operator
from collections.abc import Callable
from typing import TYPE_CHECKING

import flax.linen as nn
import jax.numpy as jnp

from deepvision import ops
from deepvision.errors import UserError
from deepvision.types import Array, Transform

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


class PreActivation(nn.Module):
    """Norm and activation: what opens a residual unit, and closes the network, under placement `pre`.

    Attributes:
        layers: the bound layers of the network.
        linear: the norm alone.
    """

    layers: BoundLayers
    linear: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        if self.linear:
            return self.layers.norm(name="norm")(x)
        return self.layers.norm_act(norm="norm", act="act")(x)


def residual(
    layers: BoundLayers,
    x: Array,
    branch: Transform,
    shortcut: Callable[[Array], Array] | None = None,
    *,
    depth: float = 0.0,
    activate: bool = True,
    raw: bool = False,
    linear: bool = False,
    attend: bool = True,
    join: Callable[[Array, Array], Array] = operator.add,
) -> Array:
    """Returns the sum of a branch and its shortcut; call it inside a compact method.

    post:  y = act(shortcut(x) + drop_path(attention(branch(x))))
    pre:   y = shortcut(a) + drop_path(attention(branch(a))),  a = act(norm(x)); an identity shortcut takes x itself.

    Args:
        layers: the bound layers of the network.
        x: [n, ..., c].
        branch: the residual function; its units are marked `first` and `last`.
        shortcut: what makes x fit the branch's shape; None where it fits.
        depth: the block's place in the network, from 0 to 1, for stochastic depth.
        activate: whether an activation follows the sum (not under `pre`).
        raw: whether under `pre` the shortcut takes x itself, as one that has no parameters does.
        linear: x is a linear bottleneck, on which no activation stands: as `open_branch` has it, and none follows.
        attend: whether the attention block stands here; not where the branch has one inside.
        join: puts shortcut and branch together, where not as their sum.

    Raises: UserError if the activation changes the width and would follow the sum.
    Source: He et al. 2015, equation 2; He et al. 2016 (1603.05027), figure 4(e), for `pre`.
    """
    activate = activate and not linear and layers.placement != "pre"
    if activate and layers.act_width != 1:
        raise UserError(
            f"act {layers.choices.act} changes the width and cannot follow a residual sum; use placement 'pre'"
        )
    inner = open_branch(layers, x, linear)
    kept = shortcut(x if raw else inner) if shortcut else x
    y = branch(inner)
    y = layers.attention(name="attention")(y) if attend else y
    y = join(kept, layers.drop_path(depth, name="drop_path")(y))
    return ops.materialize(layers.act(name="act")(y) if activate else y)


def open_branch(layers: BoundLayers, x: Array, linear: bool = False) -> Array:
    """Returns what enters a residual branch: under `pre`, x normalized and, unless `linear`, activated."""
    return PreActivation(layers, linear, name="preact")(x) if layers.placement == "pre" else x


def close_stages(layers: BoundLayers, x: Array) -> Array:
    """Returns what leaves the last stage: under placement `pre`, normalized and activated once more."""
    return PreActivation(layers, name="postact")(x) if layers.placement == "pre" else x


class Head(nn.Module):
    """The classifier: global pooling, dropout, dense layer; [n, ..., c] -> [n, num_classes].

    Attributes:
        layers: the bound layers of the network.
        num_classes: 0 returns the pooled features.
        drop: whether dropout stands here; not in networks that have it elsewhere alone.
    """

    layers: BoundLayers
    num_classes: int
    drop: bool = True

    @nn.compact
    def __call__(self, x: Array) -> Array:
        L = self.layers
        x = L.global_pool(name="pool")(x)
        x = L.dropout(name="dropout")(x) if self.drop else x
        return L.dense(self.num_classes, linear=True, name="dense")(x) if self.num_classes else x


def flatten(x: Array) -> Array:
    """Returns [n, h, w, c] as [n, h * w * c]."""
    return jnp.reshape(x, (x.shape[0], -1))
