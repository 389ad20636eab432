"""The units that networks are chains of, and the only home of placement: where a norm stands, who owns a bias."""

from __future__ import annotations

from typing import TYPE_CHECKING

import flax.linen as nn

from deepvision.layers.linear import Pair
from deepvision.layers.pooling import Window
from deepvision.types import Array, Images, Initializer, Transform

if TYPE_CHECKING:
    from deepvision.layers.bound import BoundLayers


class ConvUnit(nn.Module):
    """A convolution with its norm, its activation and, in some places, attention, dropout and a pooling.

    In the order of the placement:
        post       convolution, norm, activation, attention, dropout, pooling
        pre        norm, activation, convolution, attention, dropout, pooling
        post_act   convolution, activation, norm, attention, dropout, pooling
        post_pool  convolution, activation, attention, dropout, pooling, norm
    With `pool_first`, the pooling comes directly behind the convolution, but under `post_pool`. The convolution owns a
    bias unless a norm that shifts follows it, directly or behind a pooling (under `pre`, that of the next unit).

    Attributes:
        layers: the bound layers of the network.
        features: output channels.
        kernel, stride, padding, dilation, groups: of the convolution; see `BoundLayers.conv`.
        connections: for each output channel the input channels that it sees, if not all.
        untied_bias: whether every unit of a map owns a bias, not every map.
        excitatory: whether no weight is negative, and there is no bias.
        attend: whether an attention block stands here, as at the end of a stage that is no residual branch.
        hidden: units of the attention block's bottleneck where the network's paper says how many.
        drop: whether dropout stands here, in networks that have it behind convolutions.
        drop_inputs: whether dropout stands directly in front of the convolution.
        pool: the window of a pooling, if there is one.
        pool_first: whether the pooling comes directly behind the convolution, in networks that normalize what is left.
        first: the input is an image, or already normalized and activated: under `pre`, the convolution comes alone.
        last: ends a residual branch: but under `pre`, the activation comes behind the sum, in `residual`.
        linear: has no activation at all.
        stem: stands in front of the residual stages; under `pre` it keeps the order of `post`.
        normalize: whether a norm stands here; not at the ends of a network whose paper has none there.
        use_bias: whether the convolution owns a bias where no norm takes it; not in networks that have none at all.
        lrn: for networks whose paper puts local response normalization behind some convolutions only, whether it does
            so here; any other norm goes to every convolution. None: the paper says nothing.
        scale_init: initial scale of the norm.
    """

    layers: BoundLayers
    features: int
    kernel: int | Pair = 3
    stride: int | Pair = 1
    padding: int | Pair | None = None
    dilation: int = 1
    groups: int = 1
    connections: tuple[tuple[int, ...], ...] | None = None
    untied_bias: bool = False
    excitatory: bool = False
    attend: bool = False
    hidden: int | None = None
    drop: bool = False
    drop_inputs: bool = False
    pool: Window | None = None
    pool_first: bool = False
    first: bool = False
    last: bool = False
    linear: bool = False
    stem: bool = False
    normalize: bool = True
    use_bias: bool = True
    lrn: bool | None = None
    scale_init: Initializer = nn.initializers.ones

    @nn.compact
    def __call__(self, x: Images) -> Images:
        for step in self._order():
            x = getattr(self, f"_{step}")(x)
        return x

    def _order(self) -> tuple[str, ...]:
        """Returns the steps of the unit, those left out that it does not take."""
        placement = "post" if self.stem and self.layers.placement == "pre" else self.layers.placement
        takes = dict(
            transform=True,
            normalize=self.normalize and (self.lrn is not False or self.layers.choices.norm.name != "lrn"),
            activate=not self.linear and not (self.last and placement != "pre"),
            attend=self.attend,
            drop=self.drop,
            drop_inputs=self.drop_inputs,
            pool_windows=self.pool is not None,
        )
        if placement == "pre" and self.first:
            takes |= dict(normalize=False, activate=False)
        order = "post" if placement != "pre" and not takes["activate"] else placement
        steps = tuple(step for step in _ORDERS[order] if takes[step])
        return _fused(_pooled_first(steps) if self.pool_first and self.pool and order != "post_pool" else steps)

    def _transform(self, x: Images) -> Images:
        return self._conv(self._owns_bias())(x)

    def _conv(self, use_bias: bool) -> Transform:
        order = self._order()
        return self.layers.conv(
            self.layers.before_act(self.features) if _act_follows(self.layers, order) else self.features,
            self.kernel,
            self.stride,
            padding=self.padding,
            dilation=self.dilation,
            groups=self.groups,
            use_bias=use_bias,
            untied_bias=self.untied_bias,
            excitatory=self.excitatory,
            linear=self.first or self.stem,
            connections=self.connections,
            name="conv",
        )

    def _owns_bias(self) -> bool:
        norm_takes_it = self.layers.placement == "pre" or _norm_follows(self._order())
        return self.use_bias and not self.excitatory and not (self.layers.norm_shifts and norm_takes_it)

    def _normalize(self, x: Images) -> Images:
        return self.layers.norm(name="norm", scale_init=self.scale_init)(x)

    def _normalize_activate(self, x: Images) -> Images:
        return self.layers.norm_act(norm="norm", act="act", scale_init=self.scale_init)(x)

    def _activate(self, x: Images) -> Images:
        return self.layers.act(name="act")(x)

    def _attend(self, x: Images) -> Images:
        return self.layers.attention(name="attention", hidden=self.hidden)(x)

    def _drop(self, x: Images) -> Images:
        return self.layers.dropout(name="dropout")(x)

    def _drop_inputs(self, x: Images) -> Images:
        return self.layers.dropout(name="input_dropout")(x)

    def _pool_windows(self, x: Images) -> Images:
        return self.layers.pool(self.pool, name="pool")(x)


_ORDERS = {
    "post": ("drop_inputs", "transform", "normalize", "activate", "attend", "drop", "pool_windows"),
    "pre": ("normalize", "activate", "drop_inputs", "transform", "attend", "drop", "pool_windows"),
    "post_act": ("drop_inputs", "transform", "activate", "normalize", "attend", "drop", "pool_windows"),
    "post_pool": ("drop_inputs", "transform", "activate", "attend", "drop", "pool_windows", "normalize"),
}


def _pooled_first(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Moves a pooling to where the convolution ends."""
    others = tuple(step for step in steps if step != "pool_windows")
    behind = others.index("transform") + 1
    return (*others[:behind], "pool_windows", *others[behind:])


def _fused(steps: tuple[str, ...]) -> tuple[str, ...]:
    """Joins a norm with the activation directly behind it, since some norms bring theirs."""
    for place in range(len(steps) - 1):
        if steps[place : place + 2] == ("normalize", "activate"):
            return (*steps[:place], "normalize_activate", *steps[place + 2 :])
    return steps


def _act_follows(layers: BoundLayers, steps: tuple[str, ...]) -> bool:
    """Whether the activation comes behind the convolution or dense layer, and not a norm that stands for it."""
    behind = steps[steps.index("transform") + 1 :]
    return "activate" in behind or ("normalize_activate" in behind and not layers.norm_activates)


def _norm_follows(steps: tuple[str, ...]) -> bool:
    """Whether a norm comes directly behind the convolution or dense layer, or behind a pooling there."""
    behind = tuple(step for step in steps[steps.index("transform") + 1 :] if step != "pool_windows")
    return behind[:1] in (("normalize",), ("normalize_activate",))


class DenseUnit(nn.Module):
    """A dense layer and its activation: [..., c] -> [..., features].

    Attributes:
        layers: the bound layers of the network.
        features: outputs.
        normalize: whether it has a norm as well, in the order of the placement (see `ConvUnit`), in networks that have
            no convolutions to normalize.
        linear: its input comes from no activation; where it has a norm, under `pre`, the dense layer comes alone.
    """

    layers: BoundLayers
    features: int
    normalize: bool = False
    linear: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        for step in self._order():
            x = getattr(self, f"_{step}")(x)
        return x

    def _order(self) -> tuple[str, ...]:
        if not self.normalize:
            return "transform", "activate"
        if self.layers.placement == "pre" and self.linear:
            return ("transform",)
        takes = ("transform", "normalize", "activate")
        return _fused(tuple(step for step in _ORDERS[self.layers.placement] if step in takes))

    def _transform(self, x: Array) -> Array:
        L, order = self.layers, self._order()
        features = L.before_act(self.features) if _act_follows(L, order) else self.features
        norm_follows = self.normalize and (L.placement == "pre" or _norm_follows(order))
        use_bias = not (L.norm_shifts and norm_follows)
        return L.dense(features, use_bias=use_bias, linear=self.linear, name="dense")(x)

    def _normalize(self, x: Array) -> Array:
        return self.layers.norm(name="norm")(x)

    def _normalize_activate(self, x: Array) -> Array:
        return self.layers.norm_act(norm="norm", act="act")(x)

    def _activate(self, x: Array) -> Array:
        return self.layers.act(name="act")(x)
