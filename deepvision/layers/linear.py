"""Convolution and dense layer: the two places where a kernel meets its input."""

from __future__ import annotations

import math
from collections.abc import Callable

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from flax.linen.dtypes import promote_dtype
from jax import lax

from deepvision.errors import UserError
from deepvision.types import Array, Initializer

Pair = tuple[int, int]


class Linear(nn.Module):
    """What the two share.

    Attributes:
        features: outputs.
        use_bias: whether a learned constant is added.
        parameterization: how the kernel is read; see `kernels`.
        kernel_init: initial values of the kernel.
        bias_init: initial values of the bias.
        train: handed to the parameterization.
        dtype: of the computation; None: that of input and parameters.
    """

    features: int
    use_bias: bool
    parameterization: Callable[..., Array]
    kernel_init: Initializer
    bias_init: Initializer
    train: bool
    dtype: jnp.dtype | None

    def operands(self, x: Array, kernel_shape: tuple[int, ...]) -> tuple[Array, Array, Array | None]:
        """Returns input, kernel and bias in the type of the computation."""
        kernel = self.read_kernel(kernel_shape)
        bias = self.param("bias", self.bias_init, (self.features,)) if self.use_bias else None
        return promote_dtype(x, kernel, bias, dtype=self.dtype)

    def read_kernel(self, shape: tuple[int, ...]) -> Array:
        """Returns the kernel, through its parameterization."""
        return self.parameterization(self, "kernel", shape, self.kernel_init, self.train)


class Conv(Linear):
    """y = conv(x, kernel) + bias: [n, h, w, c] -> [n, h', w', features], kernel [kh, kw, c / groups, features].

    Attributes:
        kernel_size: (kh, kw).
        stride: step between outputs, per axis.
        padding: positions of zeros on each side, per axis.
        dilation: step between the kernel's taps, per axis.
        groups: input and output channels fall into so many groups that do not see each other.
    """

    kernel_size: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Pair = (1, 1)
    dilation: Pair = (1, 1)
    groups: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        self._check(x)
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        x, kernel, bias = self.operands(x, shape)
        y = convolve(x, kernel, self.stride, self.padding, self.dilation, self.groups)
        return y if bias is None else y + bias

    def _check(self, x: Array) -> None:
        where = f"convolution at {'/'.join(self.path)}"
        if x.ndim != 4:
            raise UserError(f"{where}: needs images [n, h, w, c], got shape {x.shape}")
        if x.shape[-1] % self.groups or self.features % self.groups:
            raise UserError(f"{where}: {self.groups} groups divide not both {x.shape[-1]} and {self.features} channels")
        for size, kernel, padding, dilation in zip(
            x.shape[1:3], self.kernel_size, self.padding, self.dilation, strict=True
        ):
            if size + 2 * padding < dilation * (kernel - 1) + 1:
                raise UserError(f"{where}: {x.shape[1]}x{x.shape[2]} is too small for its kernel; use larger images")

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`."""
        return y.size * math.prod(self.kernel_size) * x.shape[-1] // self.groups


def convolve(x: Array, kernel: Array, stride: Pair, padding: Pair, dilation: Pair = (1, 1), groups: int = 1) -> Array:
    """Returns the convolution (cross-correlation) of images [n, h, w, c] with a kernel [kh, kw, c / groups, features]."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=stride,
        padding=[(p, p) for p in padding],
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


class PartialConv(Conv):
    """A convolution whose every output sees some of the inputs only, each set of equal size having a kernel of its own.

    The kernels of the outputs that see n inputs lie together under "inputs<n>", [kh, kw, n, outputs of that kind]; one
    dense kernel with zeros where nothing is connected computes them all.

    Attributes:
        connections: for each output, the inputs that it sees.
    Source: LeCun et al. 1998, table I.
    """

    connections: tuple[tuple[int, ...], ...] = ()

    def _check(self, x: Array) -> None:
        super()._check(x)
        needs = max(map(max, self.connections)) + 1
        if x.shape[-1] < needs or self.features != len(self.connections):
            raise UserError(
                f"convolution at {'/'.join(self.path)}: its table connects {needs} inputs to {len(self.connections)}"
                f" outputs, not {x.shape[-1]} to {self.features}"
            )

    def read_kernel(self, shape: tuple[int, ...]) -> Array:
        kernel = jnp.zeros(shape)
        for size in sorted(set(map(len, self.connections))):
            outputs = np.array([output for output, seen in enumerate(self.connections) if len(seen) == size])
            inputs = np.array([self.connections[output] for output in outputs]).T
            part = KernelPart(self.parameterization, self.kernel_init, self.train, name=f"inputs{size}")
            values = part((*shape[:-2], size, len(outputs)))
            kernel = kernel.astype(values.dtype).at[..., inputs, outputs].set(values, unique_indices=True)
        return kernel

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates of the connections there are."""
        return y.size // self.features * math.prod(self.kernel_size) * sum(map(len, self.connections))


class KernelPart(nn.Module):
    """A kernel of its own among several of one layer; attributes as in `Linear`."""

    parameterization: Callable[..., Array]
    kernel_init: Initializer
    train: bool

    @nn.compact
    def __call__(self, shape: tuple[int, ...]) -> Array:
        return self.parameterization(self, "kernel", shape, self.kernel_init, self.train)


class Dense(Linear):
    """y = x kernel + bias over the last axis: [..., c] -> [..., features], kernel [c, features]."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x, kernel, bias = self.operands(x, (x.shape[-1], self.features))
        y = x @ kernel
        return y if bias is None else y + bias

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`."""
        return y.size * x.shape[-1]
