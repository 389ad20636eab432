"""Numbers are part of the state: one program serves all of them, and a replica is what it would be alone."""

from __future__ import annotations

from collections.abc import Iterator

import jax
import numpy as np
import pytest

from deepvision.build import build_replicas
from deepvision.data import open_pipelines
from deepvision.errors import UserError
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.feeds import dispatch, replica_feeds
from deepvision.train.numbers import NUMBERS, number_at
from deepvision.train.programs import Programs
from tests.train.small import small_config

STEPS = 6

# Every numeric field at two values; of each optimizer and schedule, those that it has.
CASES = {
    "sgd": {
        "optimizer.learning_rate": (0.1, 0.03),
        "optimizer.momentum": (0.9, 0.5),
        "optimizer.weight_decay": (0.0, 1e-2),
        "optimizer.layer_decay": (1.0, 0.5),
        "schedule.final": (0.0, 0.5),
        "loss.label_smoothing": (0.1, 0.0),
        "loss.confidence_penalty": (0.0, 0.3),
        "model.dropout": (0.0, 0.3),
        "model.input_dropout": (0.1, 0.2),
    },
    "adamw": {
        "optimizer.learning_rate": (0.01, 0.003),
        "optimizer.b1": (0.9, 0.5),
        "optimizer.b2": (0.999, 0.9),
        "optimizer.eps": (1e-8, 1e-2),
        "optimizer.weight_decay": (1e-2, 0.5),
        "optimizer.clip_norm": (0.5, 1.0),
        "loss.mixup": (0.2, 1.0),
        "loss.cutmix": (1.0, 0.5),
    },
    "adam": {"optimizer.learning_rate": (0.01, 0.003), "model.drop_path": (0.0, 0.3)},
    "lars": {"optimizer.learning_rate": (0.5, 0.1), "optimizer.momentum": (0.9, 0.0), "schedule.factor": (0.1, 0.5)},
    "lamb": {"optimizer.learning_rate": (0.05, 0.01), "optimizer.b2": (0.999, 0.9)},
}


@pytest.fixture(autouse=True)
def quick_compilation() -> Iterator[None]:
    """The programs run for a moment and are compiled for long; what they compute does not depend on how well."""
    jax.config.update("jax_disable_most_optimizations", True)
    yield
    jax.config.update("jax_disable_most_optimizations", False)


def configs(optimizer: str) -> list:
    made = []
    for which in (0, 1):
        fields = {field: values[which] for field, values in CASES[optimizer].items()}
        config = small_config(optimizer__name=optimizer, train__steps=STEPS, model__overrides={"stage_sizes": (1, 1)})
        config.data.augment, config.data.batch_size = (), 16
        if "model.drop_path" not in fields:  # which only a residual network has
            config.model.name, config.model.overrides = "mlp", {"hidden": (16, 16)}
        if "schedule.factor" in fields:
            config.schedule.name, config.schedule.boundaries = "step", (0.05, 0.1)
        config.update_from_flattened_dict(fields)
        made.append(config)
    return made


def losses(experiment: Experiment, together: bool) -> np.ndarray:
    """Returns the training loss at every step, [step, r]."""
    programs = Programs(experiment, len(experiment.seeds), together, why="")
    state, feeds, found = initial(experiment).state, replica_feeds(experiment, 0), []
    for _ in range(STEPS):
        state, metrics = programs.train(state, programs.resident, dispatch(feeds, 1, programs.devices))
        total, count = metrics["loss"]
        found.append(np.asarray(total[0] / count[0]))
    return np.stack(found)


def test_every_numeric_field_is_tried():
    assert set().union(*CASES.values()) == NUMBERS.keys()


@pytest.mark.parametrize(
    ("optimizer", "together"),
    [("sgd", False), ("sgd", True), ("adamw", True), ("adam", True), ("lars", True), ("lamb", True)],
)
def test_a_replica_equals_the_run_with_its_numbers_alone(optimizer: str, together: bool):
    """One after another to the bit, also where something is off in one run and on in the other."""
    both = configs(optimizer)
    pipelines = open_pipelines(both[0].data)
    beside = losses(build_replicas(both, (1, 2), pipelines), together)
    alone = losses(build_replicas(both[1:], (2,), pipelines), together=False)
    np.testing.assert_allclose(beside[:, 1:], alone, rtol=1e-4, atol=1e-4)
    if not together:
        np.testing.assert_array_equal(beside[:, 1:], alone)


def test_a_number_is_one_also_as_text_but_a_choice_is_none():
    config = small_config(model__dropout="0.5")
    assert number_at(config, "model.dropout") == 0.5
    config.model.dropout = "spatial(rate=0.1)"
    assert number_at(config, "model.dropout") is None
    assert number_at(config, "model.drop_path") is None


def test_the_numbers_of_every_replica_are_checked():
    good, bad = small_config(), small_config(loss__label_smoothing=1.5)
    with pytest.raises(UserError, match="label_smoothing must lie in"):
        build_replicas([good, bad], (0, 0))
