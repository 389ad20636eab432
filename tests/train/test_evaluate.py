"""Evaluating what a run has saved."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ml_collections import ConfigDict

from deepvision.build import build
from deepvision.errors import UserError
from deepvision.train.evaluate import evaluate
from tests.train.small import small_config, train


def perceptron(**changes: Any) -> ConfigDict:
    return small_config(model__name="mlp", model__overrides=None, model__norm="batch", **changes)


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    folder = tmp_path_factory.mktemp("trained")
    return folder, train(perceptron(), folder, seeds=(0, 1))


@pytest.mark.parametrize("which", ["last", "best"])
def test_saved_weights_give_the_metrics_reported_in_training(trained: tuple, which: str):
    folder, result = trained
    rows = evaluate(build(perceptron(), (0, 1)), folder, which)
    for row, reported in zip(rows, result[which], strict=False):
        assert (row["seed"], row["step"]) == (reported["seed"], reported["step"])
        assert row["accuracy"] == pytest.approx(reported["accuracy"], abs=1e-9)
        assert row["loss"] == pytest.approx(reported["loss"], rel=1e-5)


def test_the_ensemble_is_no_worse_than_its_members_on_average(trained: tuple):
    """The logarithm is concave: the loss of the mean prediction is below the mean of the losses."""
    *members, ensemble = evaluate(build(perceptron(), (0, 1)), trained[0], "last")
    assert ensemble["seed"] == "ensemble"
    assert ensemble["loss"] < np.mean([member["loss"] for member in members])


def test_monte_carlo_dropout_averages_several_passes(trained: tuple):
    """More passes come closer to their limit; a single one is noisier than the exact pass."""
    folder, result = trained

    def loss(samples: int) -> float:
        config = perceptron(model__dropout="dropout(rate=0.5, evaluation='sample')", train__monte_carlo=samples)
        return evaluate(build(config, (0, 1)), folder, "last")[0]["loss"]

    one, many = loss(1), loss(16)
    assert many < one
    assert many != pytest.approx(result["last"][0]["loss"], rel=1e-6)


def test_a_folder_without_checkpoint_is_named(tmp_path: Path):
    with pytest.raises(UserError, match="no checkpoint in .*train first"):
        evaluate(build(perceptron()), tmp_path)
