"""The task of segmentation: the sum of its losses, and what it reports."""

from __future__ import annotations

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.models import create_model
from deepvision.tasks import Segmentation
from deepvision.tasks.segmentation.losses import CrossEntropy, Dice
from deepvision.train.metrics import total
from deepvision.types import IGNORE

RNG = np.random.default_rng(0)
MASK = jnp.asarray(RNG.integers(0, 3, (4, 9, 11, 1)).astype(np.uint8)).at[:, :2].set(IGNORE)
LOGITS = jnp.asarray(RNG.standard_normal((4, 9, 11, 3)), jnp.float32)


def task(model: str = "unet_padded", **fields: Any) -> Segmentation:
    config = default_config()
    config.model.name = model
    config.segmentation.update(fields)
    return Segmentation.configured(config, config.loss, create_model(model))


def targets(task: Segmentation, **planes: jax.Array):
    return task.prepare({"image": jnp.zeros((4, 9, 11, 1)), "mask": MASK, **planes}, None, train=True)[1]


def test_losses_of_each_image_are_summed():
    made = task(losses=("cross_entropy(class_weights=(1.0, 2.0, 3.0))", "dice(scale=0.5)"))
    losses = (CrossEntropy(class_weights=(1.0, 2.0, 3.0)), Dice(scale=0.5))
    expected = [sum(loss(LOGITS[i], MASK[i, ..., 0], jnp.ones((9, 11))) for loss in losses) for i in range(4)]
    np.testing.assert_allclose(made.loss(LOGITS, targets(made)), expected, rtol=1e-5)


def test_weights_of_pixels_enter():
    made, weight = task(), jnp.asarray(RNG.uniform(1, 9, (4, 9, 11, 1)))
    expected = [CrossEntropy()(LOGITS[i], MASK[i, ..., 0], weight[i, ..., 0]) for i in range(4)]
    np.testing.assert_allclose(made.loss(LOGITS, targets(made, pixel_weight=weight)), expected, rtol=1e-5)


def test_metrics_of_batches_are_those_of_all_pixels():
    made = task()
    truth, found = np.asarray(MASK[..., 0]), np.asarray(LOGITS).argmax(-1)
    counts = truth != IGNORE
    hits = [np.sum((truth == c) & (found == c) & counts) for c in range(3)]
    either = [np.sum(((truth == c) | (found == c)) & counts) for c in range(3)]
    both = [np.sum((truth == c) & counts) + np.sum((found == c) & counts) for c in range(3)]
    batches = [
        made.metrics(LOGITS[i], jax.tree.map(lambda x, i=i: x[i], targets(made)), jnp.ones(len(LOGITS[i])))
        for i in (slice(0, 1), slice(1, 4))
    ]
    values = total(batches)
    assert values["mean_iou"] == pytest.approx(np.mean(np.divide(hits, either)))
    assert values["mean_dice"] == pytest.approx(np.mean(2 * np.divide(hits, both)))
    assert values["pixel_accuracy"] == pytest.approx(sum(hits) / counts.sum())
    assert "foreground_iou" not in values


def test_of_two_classes_the_second_is_the_foreground():
    made, logits = task(), LOGITS[..., :2]
    labels = targets(made)._replace(mask=jnp.asarray(RNG.integers(0, 2, (4, 9, 11))))
    truth, found = np.asarray(labels.mask) == 1, np.asarray(logits).argmax(-1) == 1
    value = made.metrics(logits, labels, jnp.ones(4))["foreground_iou"].value()
    assert value == pytest.approx(np.sum(truth & found) / np.sum(truth | found))


def test_a_network_that_labels_the_middle_is_compared_with_the_middle():
    made = task()
    whole = targets(made)
    middle = jax.tree.map(lambda plane: plane[:, 2:7, 3:8], whole)
    np.testing.assert_array_equal(made.loss(LOGITS[:, :5, :5], whole), made.loss(LOGITS[:, :5, :5], middle))


def test_members_combine_to_the_mean_prediction():
    members = jnp.stack([LOGITS, LOGITS[::-1]])
    p = jax.nn.softmax(task().combine(members))
    np.testing.assert_allclose(p, np.asarray(jax.nn.softmax(members)).mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("model", "fields", "message"),
    [
        ("resnet18", {}, "needs a network that labels pixels, which resnet18 does not"),
        ("dncnn17_gray", {}, "needs a network that labels pixels"),
        ("unet_padded", {"losses": ()}, "names no loss"),
        ("unet_padded", {"losses": ("dise",)}, "did you mean 'dice'"),
    ],
)
def test_what_does_not_fit_is_refused(model: str, fields: dict, message: str):
    with pytest.raises(UserError, match=message):
        task(model, **fields)


def test_images_without_masks_are_refused():
    with pytest.raises(UserError, match="set data.name to 'image_masks'"):
        task().prepare({"image": jnp.zeros((1, 4, 4, 1))}, None, train=True)
