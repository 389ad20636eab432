"""Where a kernel meets its input: what convolutions and dense layers share, and the dense layer."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
from flax.linen.dtypes import promote_dtype
from jax import lax

from deepvision import ops
from deepvision.errors import UserError
from deepvision.layers.kernels import Parameterization
from deepvision.types import Array, Initializer

Pair = tuple[int, int]


class Linear(nn.Module):
    """What they share.

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
    parameterization: Parameterization
    kernel_init: Initializer
    bias_init: Initializer
    train: bool
    dtype: jnp.dtype | None

    def operands(
        self, x: Array, kernel_shape: tuple[int, ...], units: tuple[int, ...] = ()
    ) -> tuple[Array, Array, Array | None]:
        """Returns input, kernel and bias in the type of the computation; positions in `units` each own a bias.

        Raises: UserError for a kernel without weights, which a width of 0 in the network asks for.
        """
        if 0 in kernel_shape:
            shape = "x".join(map(str, kernel_shape))
            where = "/".join(self.path)
            raise UserError(f"layer {where} would have a kernel of {shape}: mend the 0 in model.overrides")
        kernel = self.read_kernel(kernel_shape)
        bias = self.param("bias", self.bias_init, (*units, self.features)) if self.use_bias else None
        return promote_dtype(x, kernel, bias, dtype=self.dtype)

    def read_kernel(self, shape: tuple[int, ...]) -> Array:
        """Returns the kernel, through its parameterization."""
        return self.parameterization(self, "kernel", shape, self.kernel_init, self.train)

    def with_bias(self, y: Array, bias: Array | None) -> Array:
        """Returns y + bias; the first time, where the parameterization asks for it, calibrated to the batch."""
        if self.is_initializing() and self.parameterization.data_dependent:
            return self.calibrated(y)
        return y if bias is None else y + bias

    def calibrated(self, y: Array) -> Array:
        """Sets the scale of the kernel, and the bias if there is one, so that over this batch every output is standard.

        Returns the standard outputs: (y - mean) / deviation, or y / deviation without a bias. An output that does not
        vary tells nothing of its scale, and stays as it is.
        Source: Salimans & Kingma 2016, equations 5 and 6.
        """
        mean, variance = ops.moments(y.astype(ops.accumulation_dtype(y)), tuple(range(y.ndim - 1)))
        varies = variance > 1e-8 * jnp.square(mean)
        factor = jnp.where(varies, lax.rsqrt(jnp.where(varies, variance, 1)), 1).reshape(-1)
        bias = jnp.where(varies, -mean, 0).reshape(-1) * factor if self.use_bias else jnp.zeros(())
        self.parameterization.rescale(self, "kernel", factor)
        if self.use_bias:
            old = self.get_variable("params", "bias")
            self.put_variable("params", "bias", jnp.broadcast_to(bias, old.shape).astype(old.dtype))
        return (y * factor + bias).astype(y.dtype)


class Dense(Linear):
    """y = x kernel + bias over the last axis: [..., c] -> [..., features], kernel [c, features]."""

    @nn.compact
    def __call__(self, x: Array) -> Array:
        x, kernel, bias = self.operands(x, (x.shape[-1], self.features))
        return self.with_bias(x @ kernel, bias)

    def resolved(self, x: Array) -> str:
        """Returns what a description says of it."""
        return f"-> {self.features}"

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`."""
        return y.size * x.shape[-1]
