"""Training that starts from weights, and training of a part."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from flax.traverse_util import flatten_dict

from deepvision.build import build
from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.train.checkpoint import read_variables
from deepvision.train.evaluate import evaluate, evaluate_initial
from deepvision.train.optimizer import make_optimizer
from tests.train.small import small_config, train


def perceptron(**changes):
    return small_config(
        model__name="mlp", model__overrides={"hidden": (16,)}, model__norm="batch", model__dropout=0.0, **changes
    )


@pytest.fixture(scope="module")
def source(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("source")
    train(perceptron(), folder, seeds=(3,))
    return folder


def test_a_run_that_starts_from_another_starts_with_its_best_metrics(source):
    (best,) = evaluate(build(perceptron(), (3,)), source, "best")
    started = evaluate_initial(build(perceptron(init_from=str(source))))
    assert {name: best[name] for name in started} == started


def test_what_is_not_trained_stays_and_the_rest_moves(source, tmp_path):
    before = flatten_dict(read_variables(source)["params"], sep="/")
    config = perceptron(init_from=str(source), optimizer__trainable=("head/*",), optimizer__weight_decay=0.1)
    train(config, tmp_path)
    after = flatten_dict(read_variables(tmp_path)["params"], sep="/")
    moved = {name for name in before if np.any(before[name] != after[name])}
    assert moved == {"head/kernel", "head/bias"}


def updates_of(**changes):
    config = default_config().optimizer
    config.update({"name": "sgd", "momentum": 0.0, **changes})
    params = {name: {"kernel": jnp.ones((2, 2))} for name in ("block0", "block1", "head")} | {"token": jnp.ones(2)}
    optimizer = make_optimizer(config, optax.constant_schedule(1.0), ("block0", "block1", "head"))
    updates, _ = optimizer.update(params, optimizer.init(params), params)
    return {name: float(jax.tree.leaves(update)[0].ravel()[0]) for name, update in updates.items()}


def test_the_rate_decays_from_block_to_block():
    assert updates_of(layer_decay=0.5) == {"block0": -0.25, "block1": -0.5, "head": -1.0, "token": -0.25}


def test_wildcards_choose_what_learns():
    assert updates_of(trainable=("head/*", "token")) == {"block0": 0, "block1": 0, "head": -1, "token": -1}


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"trainable": ("heed/*",)}, "no parameter is called 'heed/\\*'; they start with block0, block1, head, token"),
        ({"layer_decay": 0.0}, r"layer_decay must lie in \(0, 1\], got 0"),
    ],
)
def test_what_names_nothing_is_a_user_error(changes, reason):
    with pytest.raises(UserError, match=reason):
        updates_of(**changes)


def test_a_folder_without_a_run_is_a_user_error(tmp_path):
    with pytest.raises(UserError, match="no checkpoint in"):
        build(perceptron(init_from=str(tmp_path)))


def test_weights_without_the_classifier_cannot_be_evaluated(source):
    config = perceptron(init_from=str(source), data__name="digits")
    experiment = build(config)
    kept = {path: value for path, value in experiment.pretrained.items() if "head" not in path}
    with pytest.raises(UserError, match=r"nothing for head/bias, head/kernel: .* not one of 10 classes"):
        evaluate_initial(type(experiment)(**{**vars(experiment), "pretrained": kept}))
