"""How near a restored image is to the true one, as the papers measure it. Images float [n, h, w, c] in [0, 1].

The images of a batch may be padded: `inside` [n, h, w] tells what counts. Every function returns one value per image.
"""

from __future__ import annotations

import jax.numpy as jnp

from deepvision import ops
from deepvision.types import Array, Images

_WINDOW = 11  # pixels, of SSIM
_REACH = _WINDOW // 2
_SIGMA = 1.5
_K1, _K2 = 0.01, 0.03


def luma(x: Images) -> Images:
    """Returns the luma [n, h, w, 1] of colour images in studio swing; gray images are their own.

    Y = (16 + 65.481 R + 128.553 G + 24.966 B) / 255, as `rgb2ycbcr` of MATLAB.

    Source: ITU-R BT.601, section 2.5.1.
    """
    if x.shape[-1] == 1:
        return x
    red, green, blue = jnp.split(x, 3, axis=-1)
    return (16 + 65.481 * red + 128.553 * green + 24.966 * blue) / 255


def quantize(x: Array) -> Array:
    """Returns values in [0, 1] as 8 bits hold them: floor(255 x + 1/2) / 255; a half is rounded up, as MATLAB does."""
    return jnp.floor(255 * jnp.clip(x, 0, 1) + 0.5) / 255


def within(size: Array, height: int, width: int, border: int = 0) -> Array:
    """Returns bool [n, h, w]: the pixels of images of `size` int [n, 2], a frame of `border` pixels left out."""
    rows, columns = jnp.arange(height), jnp.arange(width)
    return (
        _between(rows, border, size[:, :1] - border)[:, :, None]
        & _between(columns, border, size[:, 1:] - border)[:, None, :]
    )


def psnr(x: Images, y: Images, inside: Array) -> Array:
    """Returns the peak signal-to-noise ratio of each image in dB, [n].

    PSNR = 10 log10(1 / MSE), the squared error averaged over pixels and channels; equal images have that of MSE 1e-12.
    """
    error = jnp.mean(jnp.square(x - y), axis=-1)
    mean = _mean(error, inside)
    return -10 * jnp.log10(jnp.maximum(mean, 1e-12))


def ssim(x: Images, y: Images, inside: Array) -> Array:
    """Returns the structural similarity of each image, [n], averaged over its channels.

    SSIM = (2 m_x m_y + C1) (2 s_xy + C2) / ((m_x^2 + m_y^2 + C1) (s_x^2 + s_y^2 + C2)), C1 = 0.01^2, C2 = 0.03^2, with
    means, variances and covariance under a Gaussian window of 11x11 pixels, sigma 1.5; averaged over the windows that
    lie inside of the image as a whole.

    Source: Wang et al. 2004, "Image quality assessment: from error visibility to structural similarity", equation 13.
    """
    shift = jnp.mean(y, axis=(1, 2), keepdims=True)  # (co)variances do not see it, and cancel less
    x, y = x - shift, y - shift
    mean_x, mean_y = _windowed(x), _windowed(y)
    variance_x = _windowed(x * x) - mean_x**2
    variance_y = _windowed(y * y) - mean_y**2
    covariance = _windowed(x * y) - mean_x * mean_y
    mean_x, mean_y = mean_x + shift, mean_y + shift
    structure = (2 * covariance + _K2**2) / (variance_x + variance_y + _K2**2)
    similarity = structure * (2 * mean_x * mean_y + _K1**2) / (mean_x**2 + mean_y**2 + _K1**2)
    return _mean(jnp.mean(similarity, axis=-1), _eroded(inside))


def _windowed(x: Images) -> Images:
    window = ops.gaussian_window(_WINDOW, _SIGMA)
    return ops.smooth(ops.smooth(x, 1, window), 2, window)


def _eroded(inside: Array) -> Array:
    """Returns the pixels whose whole window is inside: a rectangle less a frame."""
    full = _WINDOW * _WINDOW
    return ops.window_sum(inside.astype(jnp.float32), (1, _WINDOW, _WINDOW)) == full


def _mean(x: Array, inside: Array) -> Array:
    """Returns the mean of x [n, h, w] over what is inside; 0 where nothing is."""
    count = jnp.sum(inside, axis=(1, 2))
    return jnp.sum(jnp.where(inside, x, 0), axis=(1, 2)) / jnp.maximum(count, 1)


def _between(places: Array, low: int, high: Array) -> Array:
    return (places >= low) & (places < high)
