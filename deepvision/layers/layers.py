"""`Layers`: the one seam through which a network gets its layers.

An architecture declares its paper's `Layers` as default and is given another one to swap them. Its top module calls
`L = self.layers.bind(train)` once; below, `L.conv`, `L.norm`, `L.act` ... make the layers, and no block mentions
`train` or a layer's kind. Parameters are named by role ("conv1", "norm1"), never by kind, so that equal roles start
from equal values and weight decay cannot depend on what stands in them.
"""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision.choices import Choice, resolve
from deepvision.errors import UserError, unknown
from deepvision.layers import activations
from deepvision.layers.activations import ACTIVATIONS
from deepvision.layers.attention import ATTENTIONS
from deepvision.layers.conv import Conv, ConvTranspose, PartialConv
from deepvision.layers.initializers import INITIALIZERS
from deepvision.layers.kernels import KERNELS
from deepvision.layers.linear import Dense, Pair
from deepvision.layers.norms import NORMS
from deepvision.layers.pooling import POOLINGS, Window
from deepvision.layers.stochastic import DROP_PATHS, DROPOUTS, choose, is_off, rate_of
from deepvision.types import Array, Initializer, Transform

TABLES = {
    "norm": NORMS,
    "act": ACTIVATIONS,
    "kernel": KERNELS,
    "attention": ATTENTIONS,
    "pool": POOLINGS,
    "global_pool": POOLINGS,
}
NOISES = {"dropout": DROPOUTS, "input_dropout": DROPOUTS, "drop_path": DROP_PATHS}
PLACEMENTS = ("post", "pre", "post_act", "post_pool")
DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16, "float16": jnp.float16, "float64": jnp.float64}


@dataclasses.dataclass(frozen=True)
class Layers:
    """What stands at the sites of a network. Names are resolved, and arguments checked, when it is made.

    Attributes:
        norm: normalization of activations (table NORMS).
        act: activation (ACTIVATIONS).
        kernel: weight parameterization of every convolution and dense layer (KERNELS).
        attention: channel or spatial attention behind every residual branch or stage (ATTENTIONS).
        pool: windowed pooling (POOLINGS).
        global_pool: pooling over the whole plane in front of a head (POOLINGS).
        placement: where the norm of a convolution stands: "post" (convolution, norm, activation), "pre" (norm,
            activation, convolution), "post_act" (convolution, activation, norm), "post_pool" (behind the pooling).
        dropout: of hidden units: a rate in [0, 1), or a choice (DROPOUTS).
        input_dropout: the same of the network's inputs.
        drop_path: of residual branches: a rate, or a choice (DROP_PATHS). The rate is that of the last branch; it rises
            linearly from 0 at the first.
        init: "gain" (follows the activation), "paper" (`paper_init`), or one of INITIALIZERS.
        paper_init: what the paper of the network states.
        second: fields that differ, as a mapping, at sites where the paper's network has a second kind of layer, such as
            ReLU in the first half of MobileNetV3 beside hard swish; `replace` of a field changes it at all sites.
        remat: compute what is inside a block again in the backward pass instead of keeping it: less memory, more time.
        dtype: name of the type of the computation; None: that of the inputs and parameters.
    Raises: UserError for an unknown name or argument, or a rate outside its range.
    """

    norm: Choice | str = "batch"
    act: Choice | str = "relu"
    kernel: Choice | str = "plain"
    attention: Choice | str = "none"
    pool: Choice | str = "max"
    global_pool: Choice | str = "avg"
    placement: str = "post"
    dropout: Choice | str | float = 0.0
    input_dropout: Choice | str | float = 0.0
    drop_path: Choice | str | float = 0.0
    init: str = "gain"
    paper_init: str = "gain"
    second: Mapping[str, Choice | str] | tuple[tuple[str, Choice | str], ...] = ()
    remat: bool = False
    dtype: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "second", tuple(dict(self.second).items()))
        for field, table in TABLES.items():
            object.__setattr__(self, field, resolve(table, getattr(self, field), field))
        if self.placement not in PLACEMENTS:
            raise unknown("placement", self.placement, PLACEMENTS)
        if self.dtype is not None and self.dtype not in DTYPES:
            raise unknown("dtype", self.dtype, DTYPES)
        self.norm(parent=None)  # checks its arguments
        for field, table in NOISES.items():
            object.__setattr__(self, field, choose(table, getattr(self, field), field))
        self.initializer(1.0)

    def initializer(self, gain: float) -> Initializer:
        """Returns the initializer of kernels behind something whose gain is `gain`."""
        init = self.paper_init if self.init == "paper" else self.init
        if init == "gain":
            return jax.nn.initializers.variance_scaling(gain**2, "fan_in", "truncated_normal")
        return resolve(INITIALIZERS | {"gain": None, "paper": None}, init, "init")()

    def replace(self, changes: dict[str, Any]) -> Layers:
        """Returns a copy with the given fields changed, at all sites; `None` keeps a field."""
        changes = {field: value for field, value in changes.items() if value is not None}
        second = tuple((field, choice) for field, choice in self.second if field not in changes)
        return dataclasses.replace(self, **{"second": second, **changes})

    def bind(self, train: bool) -> BoundLayers:
        """Returns the makers of layers for training or evaluation."""
        return BoundLayers(self, train)


@dataclasses.dataclass(frozen=True)
class BoundLayers:
    """Makes the layers of a network, each a function `x -> x`, out of its choices.

    Every maker takes the `name` of the role, under which the layer's parameters lie.
    """

    choices: Layers
    train: bool

    @property
    def dtype(self) -> jnp.dtype | None:
        return DTYPES.get(self.choices.dtype)

    @property
    def second(self) -> BoundLayers:
        """The layers of the sites where the paper's network has a second kind; see `Layers.second`."""
        return BoundLayers(dataclasses.replace(self.choices, second=(), **dict(self.choices.second)), self.train)

    def block(self, module: type[nn.Module]) -> type[nn.Module]:
        """Returns the class of a block, which keeps or computes again what is inside it, as `Layers.remat` says."""
        return nn.remat(module) if self.choices.remat else module

    def conv(
        self,
        features: int,
        kernel: int | Pair = 3,
        stride: int | Pair = 1,
        *,
        name: str,
        padding: int | Pair | None = None,
        dilation: int | Pair = 1,
        groups: int = 1,
        use_bias: bool = True,
        untied_bias: bool = False,
        excitatory: bool = False,
        linear: bool = False,
        connections: tuple[tuple[int, ...], ...] | None = None,
    ) -> Conv:
        """Makes a convolution; `padding` None keeps the size at stride 1 (odd kernels).

        `untied_bias` gives every unit of a map a bias of its own, not every map; `excitatory` makes every weight its
        modulus; `linear` says that its input comes from no activation, so that initialization needs no gain;
        `connections`, for each output the inputs that it sees, if not all.
        """
        kernel, stride, dilation = _pair(kernel), _pair(stride), _pair(dilation)
        same = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
        make = functools.partial(PartialConv, connections=connections) if connections else Conv
        return make(
            features=features,
            kernel_size=kernel,
            stride=stride,
            padding=same if padding is None else _pair(padding),
            dilation=dilation,
            groups=groups,
            untied_bias=untied_bias,
            excitatory=excitatory,
            **self._shared(use_bias, linear, groups),
            name=name,
        )

    def conv_transpose(
        self,
        features: int,
        kernel: int | Pair = 2,
        stride: int | Pair = 2,
        *,
        name: str,
        padding: int | Pair = 0,
        output_padding: int | Pair = 0,
        dilation: int | Pair = 1,
        groups: int = 1,
        use_bias: bool = True,
        linear: bool = False,
    ) -> ConvTranspose:
        """Makes a transposed convolution; `linear` as in `conv`."""
        stride = _pair(stride)
        return ConvTranspose(
            features=features,
            kernel_size=_pair(kernel),
            stride=stride,
            padding=_pair(padding),
            output_padding=_pair(output_padding),
            dilation=_pair(dilation),
            groups=groups,
            **self._shared(use_bias, linear, groups, sparsity=math.prod(stride)),
            name=name,
        )

    def dense(self, features: int, *, name: str, use_bias: bool = True, linear: bool = False) -> Dense:
        """Makes a dense layer over the last axis; `linear` as in `conv`."""
        return Dense(features=features, **self._shared(use_bias, linear), name=name)

    def _shared(self, use_bias: bool, linear: bool, groups: int = 1, sparsity: int = 1) -> dict[str, Any]:
        """Returns what all linear layers are made with; of every filter, one tap in `sparsity` meets an input."""
        gain = 1.0 if linear else activations.gain(self.choices.act)
        return dict(
            use_bias=use_bias,
            parameterization=self.choices.kernel(groups=groups),
            kernel_init=self.choices.initializer(gain * math.sqrt(sparsity)),
            bias_init=nn.initializers.zeros,
            train=self.train,
            dtype=self.dtype,
        )

    def norm(self, *, name: str, scale_init: Initializer = nn.initializers.ones) -> Transform:
        """Makes a normalization of activations."""
        return self._in_mode(self.choices.norm(name=name, scale_init=scale_init))

    def norm_act(self, *, norm: str, act: str, scale_init: Initializer = nn.initializers.ones) -> Transform:
        """Makes a normalization with the activation directly behind it, which some norms bring themselves."""
        normalize = self._in_mode(self.choices.norm(name=norm, scale_init=scale_init, activate=True))
        if self.norm_activates:
            return normalize
        activate = self.act(name=act)
        return lambda x: activate(normalize(x))

    def act(self, *, name: str) -> Transform:
        """Makes an activation."""
        return self._in_mode(activations.make(self.choices.act, name))

    def before_act(self, features: int) -> int:
        """Returns how many channels must enter the activation so that `features` leave it."""
        channels = features / self.act_width
        if channels.denominator != 1:
            raise UserError(f"act {self.choices.act}: {features} channels cannot come out of it; change the width")
        return channels.numerator

    @property
    def act_width(self) -> Fraction:
        """How many channels leave the activation per channel that enters."""
        return activations.width(self.choices.act)

    def attention(self, *, name: str, hidden: int | None = None) -> Transform:
        """Makes an attention block; `hidden`: units of its bottleneck where the network's paper says how many."""
        return self.choices.attention(layers=self, hidden=hidden, name=name)

    def pool(self, window: Window, *, name: str) -> Transform:
        """Makes a pooling over windows."""
        return self._in_mode(self.choices.pool(window=window, name=name))

    def global_pool(self, *, name: str) -> Transform:
        """Makes a pooling of every plane to one value: [n, ..., c] -> [n, c]."""
        return self._in_mode(self.choices.global_pool(window=None, name=name))

    def dropout(self, *, name: str) -> Transform:
        """Makes dropout of hidden units."""
        return self._noise(self.choices.dropout, 1.0, name)

    def input_dropout(self, *, name: str) -> Transform:
        """Makes dropout of the network's inputs."""
        return self._noise(self.choices.input_dropout, 1.0, name)

    def drop_path(self, depth: float, *, name: str) -> Transform:
        """Makes stochastic depth for a residual branch at a relative depth in [0, 1]."""
        return self._noise(self.choices.drop_path, depth, name)

    def _noise(self, choice: Choice, share: float, name: str) -> Transform:
        """Makes noise at a share of its rate; none where that is zero."""
        rate = rate_of(choice) * share
        return _identity if is_off(rate) else self._in_mode(choice(rate=rate, name=name))

    @property
    def norm_shifts(self) -> bool:
        """Whether the norm adds a bias of its own."""
        return self.choices.norm.entry.shifts

    @property
    def norm_activates(self) -> bool:
        """Whether the norm stands for an activation directly behind it too."""
        return self.choices.norm.entry.activates

    @property
    def placement(self) -> str:
        return self.choices.placement

    def _in_mode(self, module: Callable[[Array, bool], Array]) -> Transform:
        return functools.partial(module, train=self.train)


def _identity(x: Array) -> Array:
    return x


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else tuple(value)
