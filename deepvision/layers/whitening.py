"""Patches of the images as uncorrelated features: a convolution computed from the images, not learned."""

from __future__ import annotations

import flax.linen as nn
import jax.numpy as jnp
import numpy as np
from flax.linen.dtypes import promote_dtype

from deepvision.layers.conv import check_images, convolve
from deepvision.types import Array, Images

_CHUNK = 500  # images whose patches are in memory at once


class Whitening(nn.Module):
    """y = conv(x, kernel) + bias: [n, h, w, c] -> [n, h - size + 1, w - size + 1, 2 size^2 c].

    Only the bias is learned. The kernel lies in the collection `constants`, which no gradient reaches: it is computed
    from images by `whitening_kernel`, and before that passes on every value of a patch, and its negative. It is no site
    of a kernel: no parameterization changes it.

    Attributes:
        size: side of the patches, in pixels.
        dtype: of the computation; None: that of input and parameters.
    Source: Page 2019, "How to train your ResNet", part 8; Jordan 2024 (2404.00498), section 3.2.
    """

    size: int = 2
    dtype: jnp.dtype | None = None

    @nn.compact
    def __call__(self, x: Images) -> Images:
        check_images(f"whitening at {'/'.join(self.path)}", x)
        kernel = self.variable("constants", "kernel", _of_white_images, self.size, x.shape[-1]).value
        bias = self.param("bias", nn.initializers.zeros, kernel.shape[-1:])
        x, kernel, bias = promote_dtype(x, kernel, bias, dtype=self.dtype)
        return convolve(x, kernel, (1, 1), (0, 0)) + bias

    def macs(self, x: Array, y: Array) -> int:
        """Returns the multiply-accumulates behind `y`."""
        return y.size * self.size**2 * x.shape[-1]


def whitening_kernel(images: np.ndarray, size: int = 2, epsilon: float = 5e-4) -> np.ndarray:
    """Returns the kernel [size, size, c, 2 d] that makes the d = size^2 c values of a patch uncorrelated.

    With the second moment of all patches p, E[p p^T] = V diag(l) V^T, and l falling, filter i is v_i / sqrt(l_i +
    epsilon), and filter d + i its negative: E[y_i y_j] = l_i / (l_i + epsilon) where i = j < d, and 0 where i != j < d.
    Of the two signs that v_i may have, it is the one with its largest value above zero.

    Args:
        images: [n, h, w, c], as the network sees them.
        size: side of the patches, in pixels.
        epsilon: bounds the gain of directions in which patches hardly vary.
    Source: Jordan 2024 (2404.00498), section 3.2.
    """
    total, count = 0.0, 0
    for start in range(0, len(images), _CHUNK):
        patches = _patches(images[start : start + _CHUNK], size)
        total, count = total + patches.T @ patches, count + len(patches)
    values, vectors = np.linalg.eigh(total / count)
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(axis=0)[None], axis=0)
    filters = (vectors * np.sign(largest) / np.sqrt(values + epsilon))[:, ::-1]
    shape = (size, size, images.shape[-1], -1)
    return np.concatenate([filters, -filters], axis=1).reshape(shape).astype(np.float32)


def _patches(images: np.ndarray, size: int) -> np.ndarray:
    """Returns all patches of some images as rows [patches, size^2 c], in float64."""
    windows = np.lib.stride_tricks.sliding_window_view(images.astype(np.float64), (size, size), axis=(1, 2))
    return np.moveaxis(windows, 3, -1).reshape(-1, size * size * images.shape[-1])


def _of_white_images(size: int, channels: int) -> Array:
    """Returns the kernel for patches that are white already."""
    identity = jnp.eye(size * size * channels).reshape(size, size, channels, -1)
    return jnp.concatenate([identity, -identity], axis=-1)
