"""Pure functions on arrays that several floors share. Nothing here knows of layers, networks or training."""

from __future__ import annotations

from collections.abc import Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.types import Array, Key

BATCH_AXIS = "batch"  # the name of the mapped device axis, wherever one is


def accumulation_dtype(x: Array) -> jnp.dtype:
    """Returns the type in which statistics of `x` are summed: its own, but float32 at least."""
    return jnp.promote_types(x.dtype, jnp.float32)


def axis_bound(axis_name: str) -> bool:
    """Tells whether the code being traced stands inside a map over `axis_name`."""
    try:
        lax.axis_size(axis_name)
    except NameError:
        return False
    return True


def places(count: int) -> Array:
    """Returns the places in the global batch of the `count` examples in sight, [n]: of this device, or of all."""
    first = lax.axis_index(BATCH_AXIS) * count if axis_bound(BATCH_AXIS) else 0
    return first + jnp.arange(count)


def examples_of_a_device(count: int) -> int:
    """Returns how many of the `count` examples in sight lie on one device: all, but where all devices are in sight.

    They are in a program for a mesh with an axis `BATCH_AXIS` that is not mapped over.
    """
    in_sight = 1 if axis_bound(BATCH_AXIS) else jax.sharding.get_abstract_mesh().shape.get(BATCH_AXIS, 1)
    return count // in_sight


def materialize(x: Array) -> Array:
    """Returns `x`, which a CPU keeps in memory once it is computed.

    XLA for CPUs computes a sum again in each of its readers, and with it all sums it is made of. Along a chain of
    residual sums, code and time would grow with depth squared. Compilers for accelerators choose well by themselves.
    """
    return lax.optimization_barrier(x) if jax.default_backend() == "cpu" else x


def moments(x: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Returns mean and biased variance over `axes`, kept as axes of size one.

    The variance is the mean squared deviation from the mean, which does not cancel where the mean is large. The mean
    subtracted there is constant to the gradient, and the last term, which is zero, accounts for it: exact to all
    orders, and one pass over the values less.
    """
    mean = jnp.mean(x, axes, keepdims=True)
    center = lax.stop_gradient(mean)
    return mean, jnp.mean(jnp.square(x - center), axes, keepdims=True) - jnp.square(mean - center)


def pooled_moments(mean: Array, variance: Array, axes: Sequence[int]) -> tuple[Array, Array]:
    """Returns the moments of the union, over `axes`, of equally large sets of values from the moments of each."""
    center = jnp.mean(mean, axes, keepdims=True)
    return center, jnp.mean(variance + jnp.square(mean - center), axes, keepdims=True)


def device_moments(mean: Array, variance: Array, axis_name: str) -> tuple[Array, Array]:
    """Returns the moments over all devices of `axis_name`, each of which holds equally many values."""
    center = lax.pmean(mean, axis_name)
    return center, lax.pmean(variance + jnp.square(mean - center), axis_name)


def positions(x: Array) -> tuple[int, ...]:
    """Returns the axes of `x` [n, ..., c] that are neither examples nor channels."""
    return tuple(range(1, x.ndim - 1))


def has_positions(x: Array) -> bool:
    """Tells whether `x` [n, ..., c] has more than one position."""
    return any(x.shape[axis] > 1 for axis in positions(x))


def group_moments(x: Array, groups: int) -> tuple[Array, Array]:
    """Returns the moments of `x` [n, ..., c] per example over positions and c/groups channels, as [n, 1, ..., c]."""
    mean, variance = moments(x, positions(x))
    shape = (*mean.shape[:-1], groups, x.shape[-1] // groups)
    pooled = pooled_moments(mean.reshape(shape), variance.reshape(shape), (-1,))
    return tuple(jnp.broadcast_to(moment, shape).reshape(mean.shape) for moment in pooled)


def rescale(x: Array, mean: Array, factor: Array, offset: Array | float = 0.0) -> Array:
    """Returns (x - mean) * factor + offset.

    The mean subtracted from the values is constant to the gradient, as in `moments`, and the offset accounts for it.
    """
    center = lax.stop_gradient(mean)
    return (x - center) * factor + ((center - mean) * factor + offset)


def standardize(x: Array, axes: Sequence[int], epsilon: float) -> Array:
    """Returns (x - mean) / sqrt(variance + epsilon), the moments taken over `axes`, in `x`'s accumulation type.

    Over no axes at all there is nothing to standardize, and `x` comes back as it is.
    """
    x = x.astype(accumulation_dtype(x))
    if not axes:
        return x
    mean, variance = moments(x, axes)
    return rescale(x, mean, lax.rsqrt(variance + epsilon))


def euclidean_norm(x: Array, axes: Sequence[int]) -> Array:
    """Returns ||x||_2 over `axes`, kept as axes of size one, with gradient 0 where all of `x` is 0."""
    energy = jnp.sum(jnp.square(x), axes, keepdims=True)
    return jnp.sqrt(jnp.maximum(energy, jnp.finfo(x.dtype).tiny))


def window_sum(x: Array, window: Sequence[int]) -> Array:
    """Returns the sum over a window around each value, `window` being its extent along each axis.

    Beyond the borders lie zeros. A window of even extent reaches one further below than above.
    """
    padding = [(size // 2, (size - 1) // 2) for size in window]
    return lax.reduce_window(x, 0.0, lax.add, tuple(window), (1,) * x.ndim, padding)


def gaussian_window(size: int, sigma: float) -> np.ndarray:
    """Returns `size` samples of exp(-z^2 / (2 sigma^2)), z in steps of one around the middle; they sum to one."""
    z = np.arange(size) - (size - 1) / 2
    weights = np.exp(-0.5 * (z / sigma) ** 2)
    return weights / weights.sum()


def smooth(x: Array, axis: int, window: np.ndarray) -> Array:
    """Returns the weighted mean over a centered window along an axis, at the borders over what lies inside of it.

    It is one product with a band matrix [length, length], which every device computes faster than short convolutions
    of each channel alone.
    """
    length = x.shape[axis]
    reach = len(window) // 2
    offsets = np.arange(length)[:, None] - np.arange(length) + reach  # [input, output]
    band = np.where((offsets >= 0) & (offsets < len(window)), window[np.clip(offsets, 0, len(window) - 1)], 0.0)
    band = jnp.asarray(band / band.sum(axis=0), x.dtype)
    mean = lax.dot_general(x, band, (((axis,), (0,)), ((), ())), precision=lax.Precision.HIGHEST)
    return jnp.moveaxis(mean, -1, axis)


def l2_normalize(x: Array, epsilon: float = 1e-12) -> Array:
    """Returns x / max(||x||_2, epsilon) for a vector."""
    return x / jnp.maximum(jnp.linalg.norm(x), epsilon)


def power_iteration(matrix: Array, u: Array, steps: int) -> tuple[Array, Array]:
    """Approaches the leading singular vectors of `matrix` [rows, columns] from `u` [rows].

    Each step is v = W^T u / ||W^T u||, u = W v / ||W v||. Returns (u [rows], v [columns]); steps >= 1.
    Source: Miyato et al. 2018, algorithm 1.
    """
    for _ in range(steps):
        v = l2_normalize(matrix.T @ u)
        u = l2_normalize(matrix @ v)
    return u, v


def example_keys(key: Key, count: int) -> Key:
    """Returns one key per example in sight, a function of its place in the global batch.

    What is drawn from them does not depend on how many devices the batch is spread over.
    """
    return jax.vmap(lambda place: jax.random.fold_in(key, place))(places(count))


def adaptive_average(x: Array, size: int) -> Array:
    """Returns images [n, h, w, c] averaged to [n, size, size, c].

    Output i of an axis of length l is the mean of the inputs from floor(i l / size) to ceil((i + 1) l / size), so that
    windows overlap where size does not divide l, and inputs repeat where l is smaller. As torch's AdaptiveAvgPool2d.
    """
    for axis in (1, 2):
        length = x.shape[axis]
        if length != size:
            windows = jnp.asarray(_adaptive_windows(length, size), x.dtype)
            x = jnp.moveaxis(jnp.tensordot(x, windows, (axis, 0)), -1, axis)
    return x


def resize_bilinear(x: Array, height: int, width: int) -> Array:
    """Returns images [n, h, w, c] at another size, interpolated linearly between the centres of positions.

    Beyond the outermost centres lies what they hold. As torch's `interpolate` with align_corners=False.
    """
    return jax.image.resize(x, (x.shape[0], height, width, x.shape[-1]), "bilinear", antialias=False)


def pixel_shuffle(x: Array, scale: int) -> Array:
    """Returns images [n, h, w, c scale^2] as [n, h scale, w scale, c]: groups of channels become squares of positions.

    Channel c scale^2 + i scale + j goes to row i and column j of its square. As torch's PixelShuffle.
    Source: Shi et al. 2016 (1609.05158), equation 4.
    """
    n, h, w, c = x.shape
    x = x.reshape(n, h, w, c // scale**2, scale, scale)
    return x.transpose(0, 1, 4, 2, 5, 3).reshape(n, h * scale, w * scale, c // scale**2)


def pixel_unshuffle(x: Array, scale: int) -> Array:
    """Returns images [n, h scale, w scale, c] as [n, h, w, c scale^2]; undoes `pixel_shuffle`."""
    n, h, w, c = x.shape
    x = x.reshape(n, h // scale, scale, w // scale, scale, c)
    return x.transpose(0, 1, 3, 5, 2, 4).reshape(n, h // scale, w // scale, c * scale**2)


def pad_to_multiple(x: Array, multiple: int, mode: str = "edge") -> Array:
    """Returns images [n, h, w, c] whose sides are multiples, continued below and on the right as `jnp.pad` does."""
    return jnp.pad(x, [(0, 0), *((0, -size % multiple) for size in x.shape[1:3]), (0, 0)], mode=mode)


def _adaptive_windows(length: int, size: int) -> np.ndarray:
    """Returns the matrix [length, size] that averages an axis."""
    windows = np.zeros((length, size))
    for i in range(size):
        start, stop = i * length // size, -(-(i + 1) * length // size)
        windows[start:stop, i] = 1 / (stop - start)
    return windows


def distance_to_segment(points: Array, start: Array, end: Array) -> Array:
    """Returns how far points [..., d] are from the segment between two points [d]."""
    along = end - start
    share = jnp.sum((points - start) * along, axis=-1) / jnp.maximum(jnp.sum(jnp.square(along)), 1e-12)
    nearest = start + jnp.clip(share, 0, 1)[..., None] * along
    return jnp.linalg.norm(points - nearest, axis=-1)
