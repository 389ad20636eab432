"""Convolutions: plain, transposed, and with a table of connections."""

from __future__ import annotations

import math

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.errors import UserError
from deepvision.layers.kernels import Parameterization
from deepvision.layers.linear import Linear, Pair
from deepvision.types import Array, Initializer


class Conv(Linear):
    """y = conv(x, kernel) + bias: [n, h, w, c] -> [n, h', w', features], kernel [kh, kw, c / groups, features].

    Attributes:
        kernel_size: (kh, kw).
        stride: step between outputs, per axis.
        padding: positions of zeros on each side, per axis.
        dilation: step between the kernel's taps, per axis.
        groups: input and output channels fall into so many groups that do not see each other.
        untied_bias: a bias [h', w', features], one per unit of every map, which binds the parameters to that plane.
        excitatory: the kernel is the modulus of what is learned.
    """

    kernel_size: Pair = (3, 3)
    stride: Pair = (1, 1)
    padding: Pair = (1, 1)
    dilation: Pair = (1, 1)
    groups: int = 1
    untied_bias: bool = False
    excitatory: bool = False

    @nn.compact
    def __call__(self, x: Array) -> Array:
        self._check(x)
        shape = (*self.kernel_size, x.shape[-1] // self.groups, self.features)
        x, kernel, bias = self.operands(x, shape, self._plane(x) if self.untied_bias else ())
        kernel = jnp.abs(kernel) if self.excitatory else kernel
        y = convolve(x, kernel, self.stride, self.padding, self.dilation, self.groups)
        return self.with_bias(y, bias)

    def _check(self, x: Array) -> None:
        where = f"convolution at {'/'.join(self.path)}"
        check_images(where, x)
        check_groups(where, self.groups, x.shape[-1], self.features)
        for size, kernel, padding, dilation in zip(
            x.shape[1:3], self.kernel_size, self.padding, self.dilation, strict=True
        ):
            if size + 2 * padding < dilation * (kernel - 1) + 1:
                raise UserError(f"{where}: {x.shape[1]}x{x.shape[2]} is too small for its kernel; use larger images")

    def _plane(self, x: Array) -> Pair:
        """Returns height and width of the outputs."""
        geometry = zip(x.shape[1:3], self.kernel_size, self.stride, self.padding, self.dilation, strict=True)
        return tuple((size + 2 * p - d * (k - 1) - 1) // s + 1 for size, k, s, p, d in geometry)

    def resolved(self, x: Array) -> str:
        """Returns what a description says of it: "3x3/2 -> 64, 32 groups"."""
        return _described(self)

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`."""
        return y.size * math.prod(self.kernel_size) * x.shape[-1] // self.groups


def _described(layer: Conv | ConvTranspose) -> str:
    stride = "" if layer.stride == (1, 1) else f"/{layer.stride[0]}"
    dilation = "" if layer.dilation == (1, 1) else f", dilation {layer.dilation[0]}"
    groups = "" if layer.groups == 1 else f", {layer.groups} groups"
    return f"{layer.kernel_size[0]}x{layer.kernel_size[1]}{stride} -> {layer.features}{dilation}{groups}"


def check_images(where: str, x: Array) -> None:
    """Raises a UserError unless `x` is a batch of images [n, h, w, c]."""
    if x.ndim != 4:
        raise UserError(f"{where}: needs images [n, h, w, c], got shape {x.shape}")


def check_groups(where: str, groups: int, inputs: int, outputs: int) -> None:
    """Raises a UserError unless the groups divide both the input and the output channels."""
    if groups < 1 or inputs % groups or outputs % groups:
        raise UserError(f"{where}: {groups} groups divide not both {inputs} and {outputs} channels")


def convolve(x: Array, kernel: Array, stride: Pair, padding: Pair, dilation: Pair = (1, 1), groups: int = 1) -> Array:
    """Returns the cross-correlation of images [n, h, w, c] with a kernel [kh, kw, c / groups, features]."""
    return lax.conv_general_dilated(
        x,
        kernel,
        window_strides=stride,
        padding=[(p, p) for p in padding],
        rhs_dilation=dilation,
        dimension_numbers=("NHWC", "HWIO", "NHWC"),
        feature_group_count=groups,
    )


class ConvTranspose(Linear):
    """The adjoint of a strided convolution: [n, h, w, c] -> [n, h', w', features].

        kernel [kh, kw, c / groups, features]
        y[o] = bias + sum_i x[i] kernel[o + padding - stride i]      (the taps `dilation` apart)
        h' = (h - 1) stride - 2 padding + dilation (kh - 1) + 1 + output_padding

    Attributes:
        kernel_size: (kh, kw).
        stride: positions between the outputs of neighbouring inputs, per axis.
        padding: positions cut off on each side, per axis.
        output_padding: positions added at the far side, per axis; fewer than the stride or the dilation.
        dilation: step between the kernel's taps, per axis.
        groups: input and output channels fall into so many groups that do not see each other.
    Source: Zeiler et al. 2010; Dumoulin & Visin 2016, section 4.
    """

    kernel_size: Pair = (2, 2)
    stride: Pair = (2, 2)
    padding: Pair = (0, 0)
    output_padding: Pair = (0, 0)
    dilation: Pair = (1, 1)
    groups: int = 1

    @nn.compact
    def __call__(self, x: Array) -> Array:
        self._check(x)
        x, kernel, bias = self.operands(x, (*self.kernel_size, x.shape[-1] // self.groups, self.features))
        y = convolve_transposed(x, kernel, self.stride, self.padding, self.output_padding, self.dilation, self.groups)
        return self.with_bias(y, bias)

    def _check(self, x: Array) -> None:
        where = f"transposed convolution at {'/'.join(self.path)}"
        check_images(where, x)
        check_groups(where, self.groups, x.shape[-1], self.features)
        for extra, stride, dilation in zip(self.output_padding, self.stride, self.dilation, strict=True):
            if not 0 <= extra < max(stride, dilation):
                raise UserError(f"{where}: output_padding must be in [0, {max(stride, dilation) - 1}], got {extra}")

    def resolved(self, x: Array) -> str:
        """Returns what a description says of it."""
        return f"{_described(self)}, transposed"

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`: every input value meets every tap of the outputs it reaches."""
        return x.size * math.prod(self.kernel_size) * self.features // self.groups


def convolve_transposed(
    x: Array,
    kernel: Array,
    stride: Pair,
    padding: Pair,
    output_padding: Pair = (0, 0),
    dilation: Pair = (1, 1),
    groups: int = 1,
) -> Array:
    """Returns the adjoint of `convolve` for images [n, h, w, c] and a kernel [kh, kw, c / groups, features].

    It is the convolution of the inputs, `stride` apart with zeros between them, with the kernel turned around.
    """
    reach = [d * (size - 1) for size, d in zip(kernel.shape, dilation, strict=False)]
    return lax.conv_general_dilated(
        x,
        jnp.flip(kernel, (0, 1)),
        window_strides=(1, 1),
        padding=[(r - p, r - p + extra) for r, p, extra in zip(reach, padding, output_padding, strict=True)],
        lhs_dilation=stride,
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

    def calibrated(self, y: Array) -> Array:
        raise UserError(
            f"convolution at {'/'.join(self.path)}: its partial kernels cannot be calibrated to the batch;"
            " use a kernel that is not data_dependent"
        )

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates of the connections there are."""
        return y.size // self.features * math.prod(self.kernel_size) * sum(map(len, self.connections))


class KernelPart(nn.Module):
    """A kernel of its own among several of one layer; attributes as in `Linear`."""

    parameterization: Parameterization
    kernel_init: Initializer
    train: bool

    @nn.compact
    def __call__(self, shape: tuple[int, ...]) -> Array:
        return self.parameterization(self, "kernel", shape, self.kernel_init, self.train)
