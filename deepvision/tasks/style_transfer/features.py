"""The features that style and content are compared by: those of VGG, behind the activations.

Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition" (1409.1556):
configurations D and E.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.array_files import read_arrays
from deepvision.errors import UserError, unknown
from deepvision.types import Array, Images

STAGE_SIZES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions in front of every pooling
_MEAN, _STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))

Convolution = tuple[np.ndarray, np.ndarray]  # kernel [3, 3, c, features] and bias [features]
Weights = tuple[tuple[Convolution, ...], ...]  # of every stage


def features(weights: Weights, images: Images, layers: Sequence[str], average: bool = False) -> dict[str, Array]:
    """Returns the features [n, h, w, c] of layers, of images [n, h, w, 3] in [0, 1].

    Args:
        weights: as `read_weights` returns them, up to the last of the layers.
        images: whose sides are halved, and rounded down, between stages.
        layers: "relu3_1" is the first of the third stage.
        average: pool by means in place of maxima, as Gatys et al. 2016 do.
    """
    x, found = (images - _MEAN) / _STD, {}
    for stage, convolutions in enumerate(weights, start=1):
        if stage > 1:
            x = _pooled(x, average)
        for index, (kernel, bias) in enumerate(convolutions, start=1):
            x = jax.nn.relu(lax.conv_general_dilated(x, kernel, (1, 1), "SAME", dimension_numbers=_NHWC) + bias)
            found[f"relu{stage}_{index}"] = x
    return {layer: found[layer] for layer in layers}


def _pooled(x: Images, average: bool) -> Images:
    start, reduce = (0.0, lax.add) if average else (-jnp.inf, lax.max)
    pooled = lax.reduce_window(x, start, reduce, (1, 2, 2, 1), (1, 2, 2, 1), "VALID")
    return pooled / 4 if average else pooled


def gram(x: Array) -> Array:
    """Returns the mean products of channels, [n, c, c]: sum_p x_i(p) x_j(p) / (h w c), of features [n, h, w, c].

    Source: Johnson et al. 2016 (1603.08155), equation 3.
    """
    n, h, w, c = x.shape
    flat = x.reshape(n, h * w, c)
    return jnp.einsum("npi,npj->nij", flat, flat) / (h * w * c)


@functools.lru_cache(maxsize=4)
def read_weights(file: str, network: str, layers: tuple[str, ...], section: str = "style_transfer.") -> Weights:
    """Returns the weights of VGG up to the last of some layers, from a file with torchvision's names.

    Args:
        file: .npz or .safetensors; "": of no file. Then they are random, normal with variance 2 / inputs, and always
            the same: enough for textures of one scale, and to try things out.
        network: of `STAGE_SIZES`.
        layers: names of its activations.
        section: what stands in front of the words "weights" and "network" where they are given, for messages.

    Raises:
        UserError: there is no such network, or the file cannot be read or is of another one.
    """
    if network not in STAGE_SIZES:
        raise unknown(f"{section}network", network, STAGE_SIZES)
    stage, index = max(tuple(map(int, layer.removeprefix("relu").split("_"))) for layer in layers)
    sizes = (*STAGE_SIZES[network][: stage - 1], index)
    stages = _convolutions(STAGE_SIZES[network], sizes)
    if not file:
        return _random(stages)
    field = f"{section}weights"
    arrays, trouble = read_arrays(file, field), f"{field}: {file} does not hold {network}"
    return tuple(tuple(_read(arrays, trouble, *each) for each in stage) for stage in stages)


def _convolutions(stage_sizes: Sequence[int], sizes: Sequence[int]) -> list[list[tuple[int, int, int]]]:
    """Returns (place, input channels, output channels) of the first convolutions of every stage.

    The places are those in torchvision's list of layers, which counts activations and poolings too.
    """
    first, inputs, stages = itertools.accumulate((2 * size + 1 for size in stage_sizes), initial=0), 3, []
    for stage, (start, size) in enumerate(zip(first, sizes, strict=False)):
        outputs = 64 * min(2**stage, 8)
        stages.append([(start + 2 * k, outputs if k else inputs, outputs) for k in range(size)])
        inputs = outputs
    return stages


def _read(arrays: Mapping[str, np.ndarray], trouble: str, place: int, inputs: int, outputs: int) -> Convolution:
    kernel, bias = (arrays.get(f"features.{place}.{name}") for name in ("weight", "bias"))
    if np.shape(kernel) != (outputs, inputs, 3, 3) or np.shape(bias) != (outputs,):
        raise UserError(
            f"{trouble} with torchvision's names: features.{place} must have a weight"
            f" ({outputs}, {inputs}, 3, 3) and a bias ({outputs},)"
        )
    return kernel.transpose(2, 3, 1, 0), bias


def _random(stages: Sequence[Sequence[tuple[int, int, int]]]) -> Weights:
    rng = np.random.default_rng(0)

    def draw(_: int, inputs: int, outputs: int) -> Convolution:
        kernel = rng.standard_normal((3, 3, inputs, outputs), np.float32) * np.float32((2 / (9 * inputs)) ** 0.5)
        return kernel, np.zeros(outputs, np.float32)

    return tuple(tuple(draw(*each) for each in stage) for stage in stages)


_NHWC = ("NHWC", "HWIO", "NHWC")
