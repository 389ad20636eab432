"""The features that style and content are compared by: those of VGG-16, behind the activations."""

from __future__ import annotations

import functools
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.array_files import read_arrays
from deepvision.errors import UserError
from deepvision.types import Array, Images

LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
_STAGES = ((1, 2, 64), (2, 2, 128), (3, 3, 256), (4, 3, 512))  # number, convolutions, channels
_PLACES = (0, 2, 5, 7, 10, 12, 14, 17, 19, 21)  # of the convolutions in torchvision's list of features
_MEAN, _STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))

Weights = tuple[tuple[np.ndarray, np.ndarray], ...]  # kernel [3, 3, c, features] and bias of every convolution


def features(weights: Weights, images: Images) -> dict[str, Array]:
    """Returns the features [n, h, w, c] of `LAYERS`, of images [n, h, w, 3] in [0, 1].

    Source: Simonyan & Zisserman 2014 (1409.1556), configuration D; layers as in Johnson et al. 2016 (1603.08155),
        section 4.1.
    """
    x, found, convolutions = (images - _MEAN) / _STD, {}, iter(weights)
    for stage, count, _ in _STAGES:
        if stage > 1:
            x = lax.reduce_window(x, -jnp.inf, lax.max, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
        for index in range(1, count + 1):
            kernel, bias = next(convolutions)
            x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NHWC) + bias)
            if f"relu{stage}_{index}" in LAYERS:
                found[f"relu{stage}_{index}"] = x
    return found


def gram(x: Array) -> Array:
    """Returns the mean products of channels, [n, c, c]: sum_p x_i(p) x_j(p) / (h w c).

    Source: Johnson et al. 2016, equation 3.
    """
    n, h, w, c = x.shape
    flat = x.reshape(n, h * w, c)
    return jnp.einsum("npi,npj->nij", flat, flat) / (h * w * c)


@functools.lru_cache(maxsize=2)
def read_weights(file: str) -> Weights:
    """Returns the weights of four stages of VGG-16 from a file with torchvision's names, .npz or .safetensors.

    Of no file, "", they are random, normal with variance 2 / inputs, and always the same: enough for textures of one
    scale, and to try things out.

    Raises:
        UserError: the file cannot be read, or is not of VGG-16.
    """
    if not file:
        return _random()
    arrays, weights = read_arrays(file, "style_transfer.weights"), []
    for place, (inputs, outputs) in zip(_PLACES, _convolutions(), strict=True):
        kernel, bias = (arrays.get(f"features.{place}.{name}") for name in ("weight", "bias"))
        if np.shape(kernel) != (outputs, inputs, 3, 3) or np.shape(bias) != (outputs,):
            raise UserError(
                f"style_transfer.weights: {file} does not hold VGG-16 with torchvision's names: features.{place} must"
                f" have a weight ({outputs}, {inputs}, 3, 3) and a bias ({outputs},)"
            )
        weights.append((kernel.transpose(2, 3, 1, 0), bias))
    return tuple(weights)


def _convolutions() -> Iterator[tuple[int, int]]:
    """Yields the input and output channels of every convolution."""
    inputs = 3
    for _, count, channels in _STAGES:
        for _ in range(count):
            yield inputs, channels
            inputs = channels


def _random() -> Weights:
    rng, weights = np.random.default_rng(0), []
    for inputs, outputs in _convolutions():
        kernel = rng.standard_normal((3, 3, inputs, outputs), np.float32) * np.float32((2 / (9 * inputs)) ** 0.5)
        weights.append((kernel, np.zeros(outputs, np.float32)))
    return tuple(weights)


_NHWC = ("NHWC", "HWIO", "NHWC")
