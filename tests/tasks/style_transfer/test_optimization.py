"""Optimisation of pixels: the loss falls, the bounds hold, the best image is the one that is asked for."""

from __future__ import annotations

import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.tasks.style_transfer.features import read_weights
from deepvision.tasks.style_transfer.optimization import CONTENT, OPTIMIZERS, STYLE, optimized, parts_of
from deepvision.tasks.style_transfer.perceptual import PerceptualLoss, grams_of

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (16, 24, 3), np.uint8)
OTHER = np.broadcast_to((np.arange(24) * 10)[None, :, None], (16, 24, 3)).astype(np.uint8)
UNIT = IMAGE / np.float32(255)


def perceptual(style: np.ndarray, content: float = 1.0, weight: float = 1e3) -> PerceptualLoss:
    weights = read_weights("", "vgg19", (*STYLE, CONTENT))
    return PerceptualLoss(weights, CONTENT, grams_of(weights, style, STYLE, True), content, weight, 0.0, True)


def total(loss: PerceptualLoss, image: np.ndarray) -> float:
    return sum(parts_of(loss, UNIT, image).values())


def test_an_image_has_its_own_content_and_its_own_style():
    parts = parts_of(perceptual(IMAGE), UNIT, UNIT)
    assert parts == pytest.approx({"content": 0, "style": 0, "smoothness": 0}, abs=1e-6)
    assert parts_of(perceptual(OTHER), UNIT, UNIT)["style"] > 0.1


@pytest.mark.parametrize(("optimizer", "steps", "factor"), [("lbfgs", 20, 10), ("adam(learning_rate=0.03)", 30, 3)])
def test_the_loss_falls(optimizer: str, steps: int, factor: float):
    loss, seen = perceptual(OTHER), []
    made = optimized(
        loss,
        UNIT,
        UNIT,
        resolve(OPTIMIZERS, optimizer, "optimizer")(),
        steps,
        lambda step, value: seen.append((step, value)),
    )
    assert made.shape == UNIT.shape and made.min() >= 0 and made.max() <= 1
    assert total(loss, made) < total(loss, UNIT) / factor
    assert [step for step, _ in seen] == list(range(1, steps + 1))
    if optimizer == "lbfgs":  # which never goes up
        assert seen[-1][1] == pytest.approx(total(loss, made), rel=1e-2)
        assert np.all(np.diff([value for _, value in seen]) <= 0)


def test_content_alone_brings_the_image_back():
    """From noise, in the features that are looked at."""
    loss = perceptual(OTHER, weight=0.0)
    noise = RNG.random(UNIT.shape, np.float32)
    made = optimized(loss, UNIT, noise, OPTIMIZERS["lbfgs"](), 30, lambda step, value: None)
    assert total(loss, made) < total(loss, noise) / 20


def test_arguments_of_optimizers_are_checked():
    with pytest.raises(UserError, match="memory"):
        resolve(OPTIMIZERS, "lbfgs(memory=0)", "optimizer")()
    with pytest.raises(UserError, match="learning_rate"):
        resolve(OPTIMIZERS, "adam(learning_rate=-1)", "optimizer")()
    with pytest.raises(UserError, match="unknown optimizer 'sgd'"):
        resolve(OPTIMIZERS, "sgd", "optimizer")
