"""Test-time averaging: what the network sees of an image, and what becomes of its predictions."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.build import build
from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.tasks import Classification
from deepvision.train.evaluate import evaluate
from deepvision.train.views import VIEWS, averaged
from tests.train.small import small_config, train

IMAGES = jnp.arange(2 * 8 * 10 * 1.0).reshape(2, 8, 10, 1)


def views(choice: str):
    return resolve(VIEWS, choice, "views")()


def test_flip():
    np.testing.assert_array_equal(views("flip")(IMAGES), np.stack([IMAGES, IMAGES[:, :, ::-1]]))


def test_ten_crop_takes_corners_centre_and_their_mirror_images():
    """As torchvision's: the centre of 8x10 begins at int(round(1.5)), int(round(2.5)), halves to even."""
    expected = [
        IMAGES[:, :5, :5], IMAGES[:, :5, 5:], IMAGES[:, 3:, :5], IMAGES[:, 3:, 5:], IMAGES[:, 2:7, 2:7]
    ]  # fmt: skip
    expected += [crop[:, :, ::-1] for crop in expected]
    np.testing.assert_array_equal(views("ten_crop(size=5)")(IMAGES), np.stack(expected))
    assert views("ten_crop")(IMAGES).shape == (10, 2, 7, 7, 1)


def test_multi_crop_moves_by_a_pixel():
    padded = np.pad(IMAGES, ((0, 0), (1, 1), (1, 1), (0, 0)), mode="reflect")
    expected = [np.asarray(IMAGES), padded[:, :8, :10], padded[:, 2:, 2:]]
    expected += [image[:, :, ::-1] for image in expected]
    np.testing.assert_array_equal(views("multi_crop")(IMAGES), np.stack(expected))


@pytest.mark.parametrize(("choice", "share"), [("multi_crop", (2, 1, 1, 2, 1, 1)), ("flip", (1, 1))])
@pytest.mark.parametrize("average", ["logits", "probabilities"])
def test_predictions_are_averaged_by_their_share(choice, share, average):
    kernel = jax.random.normal(jax.random.key(0), (80, 3)) / 100
    predict = lambda images: images.reshape(len(images), -1) @ kernel  # noqa: E731
    chosen = views(f"{choice}(average='{average}')")
    found = averaged(chosen, Classification(), predict)(IMAGES)
    each = np.stack([predict(image) for image in chosen(IMAGES)])
    if average == "probabilities":
        each = np.asarray(jax.nn.softmax(each))
    mean = np.average(each, axis=0, weights=share)
    np.testing.assert_allclose(np.exp(found) if average == "probabilities" else found, mean, rtol=1e-5)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("trained")
    train(perceptron(), folder, seeds=(0, 1))
    return folder


def perceptron(**changes: Any):
    return small_config(model__name="mlp", model__overrides=None, model__norm="batch", **changes)


def test_evaluation_averages_over_views(trained: Path):
    """Of a flip, the loss of the mean prediction is below the mean of the two losses; the ensemble takes views too."""
    plain = evaluate(build(perceptron(), (0, 1)), trained)
    flipped = evaluate(build(perceptron(train__views="flip"), (0, 1)), trained)
    assert all(one["loss"] != other["loss"] for one, other in zip(plain, flipped, strict=True))
    moved = evaluate(build(perceptron(train__views="multi_crop"), (0, 1)), trained)
    assert moved[0]["accuracy"] != flipped[0]["accuracy"] or moved[0]["loss"] != flipped[0]["loss"]
    assert all(0 < row["accuracy"] <= 1 for row in flipped + moved)


def test_one_view_alone_changes_nothing(trained: Path, monkeypatch: pytest.MonkeyPatch):
    class Same:
        share, average = (1, 1, 1), "probabilities"

        def __call__(self, images):
            return jnp.stack([images] * 3)

    plain = evaluate(build(perceptron(), (0, 1)), trained)
    monkeypatch.setitem(VIEWS, "flip", Same)
    for row, expected in zip(evaluate(build(perceptron(train__views="flip"), (0, 1)), trained), plain, strict=True):
        assert row["loss"] == pytest.approx(expected["loss"], rel=1e-5)
        assert row["accuracy"] == pytest.approx(expected["accuracy"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"train__views": "flop"}, "did you mean 'flip'"),
        ({"train__views": "flip(average='votes')"}, "probabilities, logits"),
        ({"train__views": "ten_crop(size=0)"}, "size must be a whole number"),
        ({"train__views": "ten_crop(size=99)"}, "size = 99 is more than the images have"),
        ({"train__views": "multi_crop(shift=50)"}, "shift = 50 is too much"),
        ({"train__views": "ten_crop(size=6)"}, "mlp cannot take images of both 8x8 and 6x6"),
    ],
)
def test_what_cannot_be_is_one_line(changes, message):
    with pytest.raises(UserError, match=message) as caught:
        build(perceptron(**changes))
    assert "\n" not in str(caught.value)


def test_views_are_of_classes_alone():
    unit = {"model__norm": None, "data__normalize": "unit"}
    with pytest.raises(UserError, match="predictions of classes"):
        build(small_config(task="restoration", model__name="vdsr", model__overrides=None, train__views="flip", **unit))


def test_a_convolutional_network_takes_crops_of_another_size():
    experiment = build(small_config(train__views="ten_crop(size=6)"))
    assert experiment.views.size == 6
