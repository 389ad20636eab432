"""The CIFAR-10 speed run, on a few made-up images: what its recipe asks for is what is trained."""

from __future__ import annotations

from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import ConfigDict

from deepvision import recipes
from deepvision.ablation.arms import make_arms
from deepvision.build import build
from deepvision.cli import config_file
from deepvision.layers.whitening import whitening_kernel
from deepvision.train.checkpoint import read_variables
from deepvision.train.evaluate import initial
from deepvision.train.experiment import Experiment
from deepvision.train.loop import fit
from deepvision.train.optimizer import make_schedule

EXPERIMENTS = Path(__file__).parents[1] / "experiments"
COUNT = 240


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> str:
    rng = np.random.default_rng(0)
    arrays = {}
    for split, count in (("train", COUNT), ("test", 40)):
        smooth = rng.uniform(0, 255, (count, 4, 4, 3)).repeat(8, axis=1).repeat(8, axis=2)
        arrays[f"x_{split}"] = np.clip(smooth + rng.normal(0, 20, smooth.shape), 0, 255).astype(np.uint8)
        arrays[f"y_{split}"] = np.arange(count) % 10
    file = tmp_path_factory.mktemp("images") / "images.npz"
    np.savez(file, **arrays)
    return str(file)


def on(config: ConfigDict, data: str) -> ConfigDict:
    config.data.name, config.data.path = "npz", data
    config.data.train_split, config.data.eval_split = "train", "test"
    return config


def load(experiment: str) -> ConfigDict:
    name, _, variant = experiment.partition(":")
    return config_file.load(f"{EXPERIMENTS / name}.py" + (f":{variant}" if variant else ""))


def peak_rate(experiment: Experiment) -> tuple[float, float, float]:
    """Returns the learning rate at the first step, the highest, and at the last, as shares of the configured one."""
    config, total = experiment.config, experiment.total_steps
    rate = make_schedule(config.schedule, 1.0, total, experiment.steps_per_epoch)
    values = [float(rate(step)) for step in range(total)]
    return values[0], max(values), values[-1]


@pytest.mark.parametrize(
    ("variant", "batch", "steps", "rates"),
    [
        ("full", 1024, 483, (0.2, 1.0, 0.07)),
        ("muon", 2000, 200, (1.0, 1.0, 0.0)),
        ("small", 100, 100, (0.2, 1.0, 0.07)),
    ],
)
def test_the_recipe_is_built(data: str, variant: str, batch: int, steps: int, rates: tuple[float, float, float]):
    config = load(f"cifar10_speedrun:{variant}")
    config.train.steps = round(config.train.epochs * (5000 if variant == "small" else 50_000) / batch)
    made = build(on(config, data))
    assert (made.total_steps, made.train.batch_size) == (steps, batch)
    assert peak_rate(made) == pytest.approx(rates, abs=0.02)
    assert made.parameters == (126_520 if variant == "small" else 1_971_352)
    assert made.task.label_smoothing == 0.2


def test_steps_are_those_of_the_script():
    """airbench94.py: an update of SGD is lr / (1024 (1 + 1 / (1 - m))) times the gradient of the sum over a batch."""
    config = recipes.speed_run(batch_size=512)
    of_the_sum = 11.5 / (1024 * (1 + 1 / (1 - 0.85)))
    assert config.optimizer.learning_rate == pytest.approx(of_the_sum * 512)
    shrinkage = 0.0153 * 512 / (1024 * (1 + 1 / (1 - 0.85)))
    assert config.optimizer.weight_decay * config.optimizer.learning_rate == pytest.approx(shrinkage)


def test_every_arm_of_the_ablation_names_parameters_that_are_there(data: str):
    arms = {arm.name: arm.config for arm in make_arms(on(load("cifar10_speedrun_ablation"), data))}
    assert len(arms) == 7
    for name, config in arms.items():
        made = build(config)
        params = jax.eval_shape(lambda: made.model.init(jax.random.key(0), np.zeros((1, 32, 32, 3))))["params"]  # noqa: B023
        jax.eval_shape(made.parts({}).optimizer.init, params)
        assert ("norm" in params["whiten"]) == (name == "no whitening") == (not made.pretrained)
        assert (made.averaging is None) == (name == "no lookahead")


def quick(data: str, **fields: object) -> ConfigDict:
    """Three updates of a very small network."""
    config = on(recipes.small_speed_run(), data)
    config.model.overrides = {"widths": (4, 4, 4)}
    config.data.batch_size, config.data.eval_batch_size, config.data.augment = 40, 40, ()
    config.train.steps = 3
    config.update_from_flattened_dict(fields)
    return config


def test_the_first_layer_is_whitening_of_the_training_images_for_every_seed(data: str):
    experiment = build(quick(data), (0, 7))
    with np.load(data) as arrays:
        images = arrays["x_train"] / 255.0
    images = (images - images.mean((0, 1, 2))) / images.std((0, 1, 2))
    state = initial(experiment).state
    for replica in range(2):
        kernel = state.model_state["constants"]["whiten"]["kernel"][replica]
        np.testing.assert_allclose(kernel, whitening_kernel(images), rtol=1e-3, atol=1e-4)
    np.testing.assert_array_equal(
        build(quick(data)).pretrained["constants", "whiten", "kernel"],
        experiment.pretrained["constants", "whiten", "kernel"],
    )


@pytest.mark.parametrize("pipeline", ["resident", "streaming"])
def test_both_pipelines_show_the_network_the_same_images(data: str, pipeline: str):
    train = build(quick(data, **{"data.pipeline": pipeline})).train
    sample = train.sample(5000)
    assert sample.shape == (COUNT, 32, 32, 3)
    np.testing.assert_allclose(sample.mean((0, 1, 2)), 0, atol=1e-3)
    np.testing.assert_array_equal(train.sample(3), sample[:3])


def test_what_is_computed_or_frozen_stays_and_all_else_learns(data: str, tmp_path: Path):
    groups = (*recipes.NORM_BIASES, "freeze(of='whiten/bias', epochs=0.0)")
    experiment = build(quick(data, **{"optimizer.groups": groups, "train.averaging": None}))
    before = jax.tree.map(lambda leaf: leaf[0], initial(experiment).state.variables)
    result = fit(experiment, tmp_path)
    after = read_variables(tmp_path)
    np.testing.assert_array_equal(after["constants"]["whiten"]["kernel"], before["constants"]["whiten"]["kernel"])
    moved = jax.tree.map(lambda a, b: bool(np.any(a != b)), after["params"], before["params"])
    assert moved.pop("whiten") == {"bias": False}
    assert all(jax.tree.leaves(moved))
    assert 0 < result["seconds_first_step_to_last_prediction"] < result["seconds"]
    assert 0 < result["seconds_to_compile"] < result["seconds"]
