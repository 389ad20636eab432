"""Classification: each part of the loss against its formula."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.errors import UserError
from deepvision.tasks import Classification
from deepvision.tasks.classification import Labels
from deepvision.train.metrics import total

RNG = np.random.default_rng(0)
LOGITS = jnp.asarray(RNG.standard_normal((6, 4)), jnp.float32)
LABELS = jnp.asarray([0, 1, 2, 3, 1, 2])
LOG_P = np.asarray(jax.nn.log_softmax(LOGITS), np.float64)


def batch(size: int = 6) -> dict:
    images = jnp.asarray(RNG.uniform(1, 2, (size, 8, 10, 1)), jnp.float32) * (1 + jnp.arange(size))[:, None, None, None]
    return {"image": images, "label": LABELS[:size]}


def nll(labels) -> np.ndarray:
    return -LOG_P[np.arange(6), np.asarray(labels)]


def plain() -> Labels:
    return Classification().prepare(batch(), None, train=True)[1]


def test_the_loss_is_the_negative_log_likelihood():
    np.testing.assert_allclose(Classification().loss(LOGITS, plain()), nll(LABELS), rtol=1e-5)


def test_the_confidence_penalty_subtracts_the_entropy():
    entropy = -np.sum(np.exp(LOG_P) * LOG_P, axis=-1)
    loss = Classification(confidence_penalty=0.3).loss(LOGITS, plain())
    np.testing.assert_allclose(loss, nll(LABELS) - 0.3 * entropy, rtol=1e-5)


def test_distances_are_negative_logits():
    loss = Classification(distances=True).loss(-LOGITS, plain())
    np.testing.assert_allclose(loss, nll(LABELS), rtol=1e-5)


def test_mixup_blends_pairs_and_their_losses_alike():
    task = Classification(mixup=0.5)
    original = batch()
    images, targets = task.prepare(original, jax.random.key(0), train=True)
    partner = [1, 0, 3, 2, 5, 4]
    share = np.asarray(targets.share)[:, None, None, None]
    x = np.asarray(original["image"])
    np.testing.assert_allclose(images, share * x + (1 - share) * x[partner], rtol=1e-5)
    assert len(np.unique(share)) == 6 and np.all((share >= 0) & (share <= 1))
    flat = share[:, 0, 0, 0]
    expected = flat * nll(LABELS) + (1 - flat) * nll(np.asarray(LABELS)[partner])
    np.testing.assert_allclose(task.loss(LOGITS, targets), expected, rtol=1e-5)
    accuracy, count = task.metrics(LOGITS, targets, jnp.ones(6))["accuracy"]
    hits = LOG_P.argmax(-1)
    assert count == 6
    np.testing.assert_allclose(
        accuracy, np.sum(flat * (hits == LABELS) + (1 - flat) * (hits == np.asarray(LABELS)[partner])), rtol=1e-5
    )


def test_cutmix_pastes_a_box_of_the_share_it_states():
    original = batch()
    images, targets = Classification(cutmix=1.0).prepare(original, jax.random.key(1), train=True)
    own = np.asarray(images == original["image"])[..., 0]
    np.testing.assert_allclose(own.mean(axis=(1, 2)), targets.share, atol=1e-6)
    for pasted in ~own:
        rows, columns = pasted.any(1), pasted.any(0)
        np.testing.assert_array_equal(pasted, rows[:, None] & columns, "a box is a product of intervals")
    assert own.all(axis=(1, 2)).sum() < 6


def test_mixing_is_left_out_in_evaluation():
    original = batch()
    images, targets = Classification(mixup=1.0, cutmix=1.0).prepare(original, None, train=False)
    np.testing.assert_array_equal(images, original["image"])
    np.testing.assert_array_equal(targets.share, 1)


def test_members_combine_to_the_mean_prediction():
    members = jnp.asarray(RNG.standard_normal((3, 6, 4)), jnp.float32)
    for task, sign in ((Classification(), 1), (Classification(distances=True), -1)):
        p = np.exp(np.asarray(task.log_probabilities(task.combine(sign * members))))
        np.testing.assert_allclose(p, np.asarray(jax.nn.softmax(members)).mean(0), rtol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"label_smoothing": 1.0}, r"label_smoothing must lie in \[0, 1\)"),
        ({"mixup": -0.1}, "loss.mixup must not be negative"),
        ({"confidence_penalty": -1.0}, "loss.confidence_penalty must not be negative"),
    ],
)
def test_values_outside_their_range_are_refused(fields: dict, message: str):
    with pytest.raises(UserError, match=message):
        Classification(**fields)


def test_images_without_a_class_are_refused():
    with pytest.raises(UserError, match="needs a class for every image"):
        Classification().prepare({"image": jnp.zeros((2, 4, 4, 1))}, None, train=True)


def test_an_odd_batch_has_no_pairs():
    with pytest.raises(UserError, match="5 examples on a device are odd"):
        Classification(mixup=0.2).prepare(batch(5), jax.random.key(0), train=True)


@pytest.mark.parametrize("parts", [1, 3])
def test_the_calibration_error_is_that_of_its_definition_however_the_batch_is_cut(parts: int):
    """Gaps between confidence and accuracy in 15 bins, weighted by how many examples are in each."""
    logits = jnp.asarray(RNG.standard_normal((60, 4)) * 3, jnp.float32)
    labels, weight = jnp.asarray(RNG.integers(0, 4, 60)), jnp.asarray(RNG.integers(0, 2, 60), jnp.float32)
    task, cuts = Classification(), np.split(np.arange(60), parts)
    batches = [
        task.metrics(logits[i], Labels(labels[i], labels[i], jnp.ones(len(i))), weight[i])
        for i in map(jnp.asarray, cuts)
    ]
    found = total(batches)["calibration_error"]

    counted = np.asarray(weight) > 0
    p = np.asarray(jax.nn.softmax(logits))[counted]
    confidence, hits = p.max(axis=1), p.argmax(axis=1) == np.asarray(labels)[counted]
    expected = 0.0
    for low in np.arange(15) / 15:
        inside = (confidence > low) & (confidence <= low + 1 / 15)
        if inside.any():
            expected += inside.mean() * abs(hits[inside].mean() - confidence[inside].mean())
    assert found == pytest.approx(expected, abs=1e-6)
