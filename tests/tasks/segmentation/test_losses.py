"""Losses of segmentation against reference values with gradients, and the laws of what does not count."""

from __future__ import annotations

import itertools
import pathlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.tasks.segmentation.losses import LOSSES, CrossEntropy, Dice, Focal, LovaszSoftmax
from deepvision.types import IGNORE

GOLDENS = np.load(pathlib.Path(__file__).parent / "goldens.npz")
RNG = np.random.default_rng(0)


@pytest.fixture(autouse=True)
def double():
    with jax.enable_x64(True):
        yield


def one_image(x: np.ndarray) -> np.ndarray:
    """Returns [pixels, 1, classes] of rows of logits, or of a batch whose channels come second."""
    x = np.moveaxis(x, 1, -1) if x.ndim == 4 else x
    return x.reshape(-1, 1, x.shape[-1])


def ones(labels: np.ndarray) -> jax.Array:
    return jnp.ones(labels.shape)


def values(case: str, name: str) -> np.ndarray:
    return GOLDENS[f"{case}/{name}"]


@pytest.mark.parametrize(
    ("case", "loss"),
    [
        ("cross_entropy/dense", CrossEntropy()),
        ("cross_entropy/weighted", CrossEntropy(class_weights=tuple(GOLDENS["cross_entropy/weighted/w"].tolist()))),
        ("focal_softmax/g0.0", Focal(gamma=0.0)),
        ("focal_softmax/g2.0", Focal(gamma=2.0)),
        ("dice/multiclass_per_batch", Dice(smooth=1e-6)),
        ("lovasz_softmax/present", LovaszSoftmax()),
    ],
)
def test_values_and_gradients_are_those_of_the_reference(case: str, loss):
    """The reference takes a batch as one image."""
    x, labels = one_image(values(case, "x")), values(case, "target").reshape(-1, 1)
    value, gradient = jax.value_and_grad(loss)(jnp.asarray(x), labels, ones(labels))
    np.testing.assert_allclose(value, values(case, "y"), rtol=1e-10)
    np.testing.assert_allclose(gradient, one_image(values(case, "d_x")), rtol=1e-8, atol=1e-12)


@pytest.mark.parametrize("name", LOSSES)
def test_ignored_pixels_are_as_if_they_were_not_there(name: str):
    logits, labels = RNG.standard_normal((6, 5, 4)), RNG.integers(0, 4, (6, 5))
    labels[4:] = IGNORE
    loss = LOSSES[name]()
    value, gradient = jax.value_and_grad(loss)(jnp.asarray(logits), labels, ones(labels))
    np.testing.assert_allclose(value, loss(jnp.asarray(logits[:4]), labels[:4], ones(labels[:4])), rtol=1e-12)
    assert np.all(np.asarray(gradient)[4:] == 0) and np.any(np.asarray(gradient)[:4] != 0)


@pytest.mark.parametrize("name", LOSSES)
def test_nothing_to_learn_from_is_no_loss(name: str):
    labels = np.full((3, 4), IGNORE)
    loss = LOSSES[name]()
    value, gradient = jax.value_and_grad(loss)(jnp.asarray(RNG.standard_normal((3, 4, 2))), labels, ones(labels))
    assert value == pytest.approx(0, abs=1e-12) and np.all(np.asarray(gradient) == 0)


@pytest.mark.parametrize("name", LOSSES)
def test_what_is_right_and_certain_costs_nothing_and_the_scale_scales(name: str):
    labels = RNG.integers(0, 3, (6, 5))
    certain = jnp.asarray(60.0 * np.eye(3)[labels])
    assert LOSSES[name]()(certain, labels, ones(labels)) == pytest.approx(0, abs=1e-9)
    logits = jnp.asarray(RNG.standard_normal((6, 5, 3)))
    single, double = (LOSSES[name](scale=s)(logits, labels, ones(labels)) for s in (1.0, 2.0))
    assert double == pytest.approx(2 * single)


def test_weights_of_pixels_multiply_their_part():
    logits, labels = jnp.asarray(RNG.standard_normal((2, 3, 4))), RNG.integers(0, 4, (2, 3))
    weight = RNG.uniform(1, 5, (2, 3))
    log_p = np.take_along_axis(np.asarray(jax.nn.log_softmax(logits)), labels[..., None], -1)[..., 0]
    assert CrossEntropy()(logits, labels, weight) == pytest.approx(-np.mean(weight * log_p))


def test_lovasz_is_the_loss_of_iou_on_the_corners_of_the_cube():
    """Where every prediction is certain, right or wrong, the extension is 1 - IoU itself."""
    labels = np.array([[0, 1, 1, 0, 1]])
    for guess in itertools.product((0, 1), repeat=5):
        found = np.array([guess])
        iou = [np.sum((labels == c) & (found == c)) / np.sum((labels == c) | (found == c)) for c in (0, 1)]
        value = LovaszSoftmax()(jnp.asarray(200.0 * np.eye(2)[found]), labels, ones(labels))
        assert value == pytest.approx(1 - np.mean(iou), abs=1e-9)


def test_weights_of_classes_must_be_as_many():
    labels = np.zeros((2, 2), int)
    with pytest.raises(UserError, match="class_weights has 2 values for 3 classes"):
        CrossEntropy(class_weights=(1.0, 2.0))(jnp.zeros((2, 2, 3)), labels, ones(labels))
