"""Tuning before the runs, and the estimate of what an ablation will cost."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from deepvision.ablation.arms import make_arms
from deepvision.ablation.folders import held
from deepvision.ablation.merge import read_results
from deepvision.ablation.report.contents import make_report
from deepvision.ablation.report.page import page
from deepvision.ablation.run import run_arms
from deepvision.build import build_replicas
from deepvision.cli.dry_run import estimate
from deepvision.data.overlap import check_apart
from deepvision.errors import UserError
from deepvision.train.display import Silent
from tests.ablation.test_run import ablate, study

NORMS = {"model.norm": ("none", "batch")}
SPLITS = {"data__train_split": "train[:400]", "data__validation_split": "train[400:600]"}


def tuned(folder: Path):
    config = study(NORMS, seeds=1, **SPLITS)
    config.ablation.tune = {"optimizer.learning_rate": (1e-6, 0.1, 1e30)}
    return ablate(config, folder)


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("tuned")
    outcome, _ = tuned(folder)
    assert outcome.trained == ("norm=none", "norm=batch")
    return folder


def test_every_arm_runs_with_the_value_that_is_best_on_the_validation_split(folder: Path):
    for arm in json.loads((folder / "ablation.json").read_text())["arms"]:
        assert arm["tuned"] == {"optimizer.learning_rate": 0.1}
        small, good, diverged = arm["tried"]
        assert small["mean"] < good["mean"]
        assert diverged == {"optimizer.learning_rate": 1e30, "mean": None}
        config = json.loads((folder / arm["folder"] / "config.json").read_text())
        assert arm["config"] == config
        assert config["optimizer"]["learning_rate"] == 0.1
        assert config["data"]["eval_split"] == "test"


def test_the_report_shows_what_was_tried_and_what_was_chosen(folder: Path):
    results = read_results(folder)
    table = make_report(results).table("tuning")
    assert [table.texts(row)[1] for row in table.rows if row.bold] == ["0.1", "0.1"]
    none = json.loads((folder / "ablation.json").read_text())["arms"][0]
    found = [record["accuracy"] for record in table.records() if record["arm"] == "norm=none"]
    assert found == [one["mean"] for one in none["tried"]]
    assert "What tuning tried" in page(make_report(results), [])


def test_the_evaluation_split_has_no_part_in_it(folder: Path):
    configs = [json.loads(file.read_text()) for file in (folder / "tuning" / "arms").glob("*/config.json")]
    assert len(configs) == 6
    assert {config["data"]["eval_split"] for config in configs} == {"train[400:600]"}


def test_tuning_is_not_repeated(folder: Path):
    before = (folder / "ablation.json").read_bytes()
    outcome, notes = tuned(folder)
    assert outcome.trained == ()
    assert notes.count("finished before") == 2 + 6
    assert (folder / "ablation.json").read_bytes() == before


def test_an_arm_that_another_process_is_tuning_waits_for_its_values(tmp_path: Path):
    candidates = [arm for arm in make_arms(study(NORMS)) if arm.name == "norm=none"]
    locked = [
        dataclasses.replace(arm, name=f"norm=none,learning_rate={rate}") for arm in candidates for rate in (0.1, 1.0)
    ]
    config = study(NORMS, seeds=1, **SPLITS)
    config.ablation.tune = {"optimizer.learning_rate": (0.1, 1.0)}
    with held(tmp_path / "tuning", locked):
        outcome, _ = ablate(config, tmp_path)
    assert outcome.elsewhere == ("norm=none",)
    assert outcome.trained == ("norm=batch",)
    outcome, _ = ablate(config, tmp_path)
    assert outcome.trained == ("norm=none",)


@pytest.mark.parametrize(
    ("fields", "tune", "message"),
    [
        ({}, {"optimizer.learning_rate": (0.1,)}, "needs data.validation_split"),
        (SPLITS, {"model.norm": ("batch",)}, "is what the arms differ in"),
        (SPLITS, {"optimizer.lr": (0.1,)}, "no field 'optimizer.lr'"),
        (SPLITS | {"data__validation_split": "train[300:500]"}, {"optimizer.learning_rate": (0.1,)}, "overlaps"),
        (SPLITS | {"data__validation_split": "test"}, {"optimizer.learning_rate": (0.1,)}, "data.eval_split = 'test'"),
        (SPLITS, {"optimizer.learning_rate": ()}, "one or more values"),
    ],
)
def test_a_mistake_is_named_before_anything_runs(fields: dict, tune: dict, message: str, tmp_path: Path):
    config = study(NORMS, **fields)
    config.ablation.tune = tune
    with pytest.raises(UserError, match=message):
        run_arms(config, tmp_path, build_replicas, Silent())


def test_splits_are_compared_by_what_they_take():
    check_apart("train[90%:]", {"train_split": "train[:90%]"})
    check_apart("validation", {"train_split": "train", "eval_split": "test"})
    with pytest.raises(UserError, match=r"overlaps with data.train_split = 'train\[:91%\]'"):
        check_apart("train[90%:]", {"train_split": "train[:91%]"})
    with pytest.raises(UserError, match="overlaps"):
        check_apart("train[90%:]", {"train_split": "test+train[95%:]"})


def test_a_dry_run_lists_the_arms_with_their_cost_and_runs_nothing():
    axes = {"model.norm": ("none", "no_such"), "optimizer.learning_rate": (0.1, 0.01)}
    table = estimate(study(axes), "1/1", Silent())
    rows = [list(column.cells) for column in table.columns]
    assert rows[0] == [f"norm={norm},learning_rate={rate}" for norm in ("none", "no_such") for rate in (0.1, 0.01)]
    assert rows[1][1] == "model.norm = none, optimizer.learning_rate = 0.01"
    assert rows[2][0] == "1,210"  # 64 x 16 + 16 + 16 x 10 + 10
    assert rows[2][2].startswith("fails: unknown norm 'no_such'")
    assert all(float(rows[column][0]) > 0 for column in (5, 6, 7))
