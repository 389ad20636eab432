"""What the losses of style see: the features of VGG, and their products."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.tasks.style_transfer.features import STAGE_SIZES, features, gram, read_weights

RNG = np.random.default_rng(0)
PIXELS = RNG.random((1, 16, 24, 3), np.float32)
LAYERS = ("relu1_2", "relu2_2", "relu3_3", "relu4_3")
PLACES = {  # of the convolutions in torchvision's `features`, by stage
    "vgg16": ((0, 2), (5, 7), (10, 12, 14), (17, 19, 21)),
    "vgg19": ((0, 2), (5, 7), (10, 12, 14, 16), (19, 21, 23, 25), (28,)),
}


def test_a_gram_matrix_by_hand():
    x = np.array([[[[1.0, 2.0], [3.0, 0.0]]]], np.float32)  # two positions of two channels
    np.testing.assert_allclose(gram(x)[0], np.array([[1 + 9, 2], [2, 4]]) / 4)


def test_a_gram_matrix_is_a_mean_of_products():
    x = RNG.standard_normal((2, 3, 5, 4)).astype(np.float32)
    expected = [sum(np.outer(v, v) for v in image.reshape(-1, 4)) / (3 * 5 * 4) for image in x]
    np.testing.assert_allclose(gram(x), expected, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(("network", "layers"), [("vgg16", LAYERS), ("vgg19", (*LAYERS, "relu5_1"))])
def test_weights_are_read_by_their_names(tmp_path: Path, network: str, layers: tuple[str, ...]):
    """And the features have the sizes of the stages; the first two convolutions by hand."""
    random, arrays = read_weights("", network, layers), {}
    for places, stage in zip(PLACES[network], random, strict=True):
        for place, (kernel, bias) in zip(places, stage, strict=False):
            arrays[f"features.{place}.weight"] = kernel.transpose(3, 2, 0, 1)
            arrays[f"features.{place}.bias"] = bias + np.float32(0.1)
    np.savez(tmp_path / "vgg.npz", **arrays)
    read = read_weights(str(tmp_path / "vgg.npz"), network, layers)
    assert [len(stage) for stage in read] == [len(stage) for stage in random]
    assert [len(stage) for stage in read][:3] == list(STAGE_SIZES[network][:3])
    for stages in zip(read, random, strict=True):
        for (kernel, bias), (same, zero) in zip(*stages, strict=True):
            np.testing.assert_array_equal(kernel, same)
            np.testing.assert_array_equal(bias, zero + np.float32(0.1))
    found = features(read, PIXELS, layers)
    sizes = [(16, 24, 64), (8, 12, 128), (4, 6, 256), (2, 3, 512), (1, 1, 512)]
    assert [x.shape[1:] for x in found.values()] == sizes[: len(layers)]
    x = (PIXELS[0] - (0.485, 0.456, 0.406)) / (0.229, 0.224, 0.225)
    np.testing.assert_allclose(found["relu1_2"][0, 4, 7], _convolved(read[0], x), rtol=1e-3, atol=1e-4)


def _convolved(stage, x: np.ndarray) -> np.ndarray:
    """Returns what two convolutions make of position (4, 7)."""
    (kernel1, bias1), (kernel2, bias2) = stage
    patch = x[2:7, 5:10]
    hidden = np.stack(
        [[np.einsum("ijc,ijcf->f", patch[i : i + 3, j : j + 3], kernel1) + bias1 for j in range(3)] for i in range(3)]
    )
    return np.maximum(np.einsum("ijc,ijcf->f", np.maximum(hidden, 0), kernel2) + bias2, 0)


def test_pooling_takes_maxima_or_means():
    weights = read_weights("", "vgg16", ("relu2_1",))
    kernel, bias = weights[1][0]
    centre = np.zeros_like(kernel)
    centre[1, 1, 0, 0] = 1  # the second stage passes on what was pooled of the first channel
    weights = (weights[0], ((centre, bias),))
    x = np.asarray(features(weights, PIXELS, ("relu1_2",))["relu1_2"][0, ..., 0])
    blocks = x.reshape(8, 2, 12, 2).swapaxes(1, 2).reshape(8, 12, 4)
    for average, expected in ((False, blocks.max(axis=-1)), (True, blocks.mean(axis=-1))):
        found = features(weights, PIXELS, ("relu2_1",), average)["relu2_1"][0, ..., 0]
        np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_what_is_not_vgg_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="unknown style_transfer.network 'vgg18'.*vgg19"):
        read_weights("", "vgg18", LAYERS)
    with pytest.raises(UserError, match="style_transfer.weights: no file nowhere.npz"):
        read_weights("nowhere.npz", "vgg16", LAYERS)
    np.savez(tmp_path / "other.npz", weight=np.zeros(3))
    with pytest.raises(UserError, match="other.npz does not hold vgg16 with torchvision's names: features.0 must have"):
        read_weights(str(tmp_path / "other.npz"), "vgg16", LAYERS)
