"""The features that style and content are compared by: those of VGG, behind the activations.

Simonyan & Zisserman 2014, "Very deep convolutional networks for large-scale image recognition" (1409.1556):
configurations D and E.
"""

from __future__ import annotations

import functools
import itertools
from collections.abc import Sequence
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from deepvision.errors import UserError, unknown
from deepvision.types import Array, Images

STAGE_SIZES = {"vgg16": (2, 2, 3, 3, 3), "vgg19": (2, 2, 4, 4, 4)}  # convolutions in front of every pooling
_MEAN, _STD = np.float32((0.485, 0.456, 0.406)), np.float32((0.229, 0.224, 0.225))

# Of every stage, of every convolution in it, the kernel [3, 3, c, features] and the bias [features].
Weights = tuple[tuple[tuple[np.ndarray, np.ndarray], ...], ...]


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
def read_weights(file: str, network: str, layers: tuple[str, ...]) -> Weights:
    """Returns the weights of VGG up to the last of some layers, from a file with torchvision's names.

    Args:
        file: .npz or .safetensors; "": of no file. Then they are random, normal with variance 2 / inputs, and always
            the same: enough for textures of one scale, and to try things out.
        network: of `STAGE_SIZES`.
        layers: names of its activations.

    Raises:
        UserError: there is no such network, or the file cannot be read or is of another one.
    """
    if network not in STAGE_SIZES:
        raise unknown("style_transfer.network", network, STAGE_SIZES)
    stage, index = max(tuple(map(int, layer.removeprefix("relu").split("_"))) for layer in layers)
    sizes = (*STAGE_SIZES[network][: stage - 1], index)
    if not file:
        return _random(sizes)
    try:
        arrays = _arrays(Path(file))
        return tuple(
            tuple((arrays[f"{name}.weight"].transpose(2, 3, 1, 0), arrays[f"{name}.bias"]) for name in names)
            for names in _names(STAGE_SIZES[network], sizes)
        )
    except (OSError, ValueError, KeyError) as error:
        reason = f"no {error.args[0]}" if isinstance(error, KeyError) else error
        raise UserError(
            f"style_transfer.weights: {file} does not hold {network} with torchvision's names: {reason}"
        ) from error


def _names(stage_sizes: Sequence[int], sizes: Sequence[int]) -> list[list[str]]:
    """Returns torchvision's names of the first convolutions of every stage, numbered with activations and poolings."""
    first = itertools.accumulate((2 * size + 1 for size in stage_sizes), initial=0)
    return [[f"features.{start + 2 * k}" for k in range(size)] for start, size in zip(first, sizes, strict=False)]


def _arrays(file: Path) -> dict[str, np.ndarray]:
    from safetensors.numpy import load_file

    if file.suffix == ".safetensors":
        return load_file(file)
    with np.load(file) as content:
        return {name: content[name] for name in content.files if name.startswith("features.")}


def _random(sizes: Sequence[int]) -> Weights:
    rng, inputs, stages = np.random.default_rng(0), 3, []
    for stage, size in enumerate(sizes):
        channels, convolutions = 64 * min(2**stage, 8), []
        for _ in range(size):
            kernel = rng.standard_normal((3, 3, inputs, channels), np.float32) * np.float32((2 / (9 * inputs)) ** 0.5)
            convolutions.append((kernel, np.zeros(channels, np.float32)))
            inputs = channels
        stages.append(tuple(convolutions))
    return tuple(stages)


_NHWC = ("NHWC", "HWIO", "NHWC")
