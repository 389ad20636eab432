"""`BoundLayers`: makes the layers of a network in one mode, training or evaluation, out of its `Layers`."""

from __future__ import annotations

import dataclasses
import functools
import math
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import flax.linen as nn
import jax.numpy as jnp

from deepvision.choices import Choice
from deepvision.errors import UserError
from deepvision.layers import activations
from deepvision.layers.chain import chain
from deepvision.layers.conv import Conv, ConvTranspose, PartialConv
from deepvision.layers.initializers import scaled
from deepvision.layers.linear import Dense, Pair
from deepvision.layers.pooling import Window
from deepvision.layers.stochastic import is_off, rate_of
from deepvision.types import Array, Initializer, Transform

if TYPE_CHECKING:
    from deepvision.layers.layers import Layers

DTYPES = {"float32": jnp.float32, "bfloat16": jnp.bfloat16, "float16": jnp.float16, "float64": jnp.float64}


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
        return _remat(module) if self.choices.remat else module

    def chain(self, blocks: Iterable[nn.Module], x: Array) -> Array:
        """Returns what leaves the last of some blocks, with loops of equal ones, as `Layers.scan_blocks` says."""
        return chain(blocks, x, loops=self.choices.scan_blocks)

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
        init_scale: float = 1.0,
    ) -> Conv:
        """Makes a convolution; `padding` None keeps the size at stride 1 (odd kernels).

        `untied_bias` gives every unit of a map a bias of its own, not every map; `excitatory` makes every weight its
        modulus; `linear` says that its input comes from no activation, so that initialization needs no gain;
        `connections`, for each output the inputs that it sees, if not all; `init_scale` multiplies the kernel that
        training starts from, whatever the initialization.
        """
        kernel, stride, dilation = _pair(kernel), _pair(stride), _pair(dilation)
        same = tuple(d * (k - 1) // 2 for k, d in zip(kernel, dilation, strict=True))
        shared = self._shared(use_bias, linear, groups)
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
            **shared | {"kernel_init": scaled(shared["kernel_init"], init_scale)},
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
        kernel_init: Initializer | None = None,
    ) -> ConvTranspose:
        """Makes a transposed convolution; `linear` as in `conv`; `kernel_init` where it always starts from the same."""
        stride = _pair(stride)
        shared = self._shared(use_bias, linear, groups, sparsity=math.prod(stride))
        return ConvTranspose(
            features=features,
            kernel_size=_pair(kernel),
            stride=stride,
            padding=_pair(padding),
            output_padding=_pair(output_padding),
            dilation=_pair(dilation),
            groups=groups,
            **(shared if kernel_init is None else shared | {"kernel_init": kernel_init}),
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

    def drop_path(self, depth: float | Array, *, name: str) -> Transform:
        """Makes stochastic depth for a residual branch at a relative depth in [0, 1]."""
        return self._noise(self.choices.drop_path, depth, name)

    def _noise(self, choice: Choice, share: float | Array, name: str) -> Transform:
        """Makes noise at a share of its rate; none where that is zero."""
        rate = rate_of(choice)
        if is_off(rate) or is_off(share):
            return _identity
        return self._in_mode(choice(rate=rate * share, name=name))

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


_remat = functools.cache(nn.remat)  # blocks of one class are then of one class


def _identity(x: Array) -> Array:
    return x


def _pair(value: int | Pair) -> Pair:
    return (value, value) if isinstance(value, int) else tuple(value)
