"""Norms that divide each value by what stands near it: local response and local contrast normalization."""

from __future__ import annotations

import jax.numpy as jnp

from deepvision import ops
from deepvision.checks import check_count, check_number, check_odd, check_positive
from deepvision.layers.norms.base import Norm
from deepvision.layers.norms.positions import refuse_single_position
from deepvision.types import Array


class _LocalResponse(Norm):
    size: int = 5
    alpha: float = 1e-4
    beta: float = 0.75
    k: float = 2.0

    shifts = False
    ignores_scale = None
    ignores_shift = None

    def check(self) -> None:
        check_number(self.where, "alpha", self.alpha, 0)
        check_number(self.where, "beta", self.beta, 0)
        check_positive(self.where, "k", self.k)

    def divide(self, x: Array, window: tuple[int, ...]) -> Array:
        """Returns x / (k + alpha sum x^2)^beta, the sum over `window`, its extent along each axis."""
        y = x.astype(ops.accumulation_dtype(x))
        energy = ops.window_sum(jnp.square(y), window)
        return (y * jnp.exp(-self.beta * jnp.log(self.k + self.alpha * energy))).astype(x.dtype)


class LocalResponseNorm(_LocalResponse):
    """y_c = x_c / (k + alpha sum_{d near c} x_d^2)^beta, over the `size` channels around c; no parameters.

    `alpha` multiplies the sum, as in the paper (other libraries divide it by `size`). A window of even size reaches one
    channel further below than above.

    Attributes:
        size: channels in a window (the paper's n).
        alpha: factor of the sum.
        beta: exponent.
        k: constant added to the sum, above 0.
    Source: Krizhevsky et al. 2012, section 3.3.
    """

    word = "lrn"
    couples = "c"

    def check(self) -> None:
        super().check()
        check_count(self.where, "size", self.size)

    def __call__(self, x: Array, train: bool) -> Array:
        return self.divide(x, (1,) * (x.ndim - 1) + (self.size,))


class LocalResponseNormWithin(_LocalResponse):
    """y_p = x_p / (k + alpha sum_{q near p} x_q^2)^beta, over the `size` x `size` positions of a map around p.

    No parameters. `alpha` multiplies the sum, as for `lrn` (cuda-convnet and Caffe divide it by `size`^2).

    Attributes:
        size: side of a window, odd.
        alpha: factor of the sum.
        beta: exponent.
        k: constant added to the sum, above 0.
    Source: cuda-convnet (Krizhevsky 2012), "local response normalization (same map)"; Caffe, WITHIN_CHANNEL.
    """

    word = "lrn_within"
    couples = "hw"

    def check(self) -> None:
        super().check()
        check_odd(self.where, "size", self.size)

    def __call__(self, x: Array, train: bool) -> Array:
        return self.divide(x, (1, *(self.size for _ in ops.positions(x)), 1))


class _LocalContrast(Norm):
    size: int = 9
    sigma: float | None = None
    epsilon: float = 1e-5

    shifts = False

    def check(self) -> None:
        check_odd(self.where, "size", self.size)
        check_number(self.where, "epsilon", self.epsilon, 0)
        if self.sigma is not None:
            check_positive(self.where, "sigma", self.sigma)

    def contrast(self, x: Array, axes: tuple[int, ...]) -> Array:
        """Returns the contrast of `x`, its local means taken over windows of positions and over all of `axes`."""
        y = x.astype(ops.accumulation_dtype(x))
        y = y - self._local_mean(y, axes)
        deviation = jnp.sqrt(self._local_mean(jnp.square(y), axes) + self.epsilon)
        typical = jnp.mean(deviation, ops.positions(x), keepdims=True)
        return (y / jnp.maximum(typical, deviation)).astype(x.dtype)

    def _local_mean(self, x: Array, axes: tuple[int, ...]) -> Array:
        x = jnp.mean(x, axes, keepdims=True) if axes else x
        window = ops.gaussian_window(self.size, self.sigma or self.size / 4)
        for axis in ops.positions(x):
            x = ops.smooth(x, axis, window)
        return x


class LocalContrastNorm(_LocalContrast):
    """y = v / max(mean(s), s), v = x - local mean of x, s = sqrt(local mean of v^2 + epsilon); no parameters.

    The local mean at a position is one for all channels: over them and a window of positions with Gaussian weights,
    which sum to one, at the border over what lies inside. mean(s) is that over the positions of an example. An input
    [n, c] has one position: its local mean is that over the channels.

    Attributes:
        size: side of the window, odd.
        sigma: standard deviation of the Gaussian, in positions; None is size / 4.
        epsilon: added to the local variance.
    Source: Jarrett et al. 2009, section 2.1 (9 x 9).
    """

    word = "contrast"
    couples = "hwc"
    ignores_scale = "n"
    ignores_shift = "n"

    def __call__(self, x: Array, train: bool) -> Array:
        return self.contrast(x, (x.ndim - 1,))


class LocalContrastNormWithin(_LocalContrast):
    """y = v / max(mean(s), s) as for `contrast`, but of each map alone: no local mean runs over channels.

    An input [n, c] has no positions, and passes as it is.

    Attributes:
        size: side of the window, odd.
        sigma: standard deviation of the Gaussian, in positions; None is size / 4.
        epsilon: added to the local variance.
    Raises: UserError where there is exactly one position, since every output would be 0.
    Source: Jarrett et al. 2009, section 2.1, with one map.
    """

    word = "contrast_within"
    couples = "hw"
    ignores_scale = "nc"
    ignores_shift = "nc"

    def __call__(self, x: Array, train: bool) -> Array:
        if x.ndim == 2:
            return x
        refuse_single_position(self, x)
        return self.contrast(x, ())
