"""Running arms: together, resumed, extended, failing, side by side."""

from __future__ import annotations

import json
import multiprocessing
from pathlib import Path

import jax
import numpy as np
import pytest
from ml_collections import config_dict

from deepvision.ablation import replicas as replicas_module
from deepvision.ablation.arms import make_arms
from deepvision.ablation.folders import held, path_of
from deepvision.ablation.groups import group_arms, shard
from deepvision.ablation.merge import read_results
from deepvision.ablation.report.contents import make_report
from deepvision.ablation.run import run_arms
from deepvision.build import build, build_replicas
from deepvision.errors import UserError
from deepvision.train.display import Silent
from deepvision.train.evaluate import evaluate, initial
from deepvision.train.state import TrainState
from deepvision.train.timing import Timing
from tests.train.small import curve, small_config, train

RATES = {"optimizer.learning_rate": (0.1, 0.01)}


class Notes(Silent):
    """Remembers what was noted."""

    def __init__(self) -> None:
        self.texts: list[str] = []

    def note(self, text: str) -> None:
        self.texts.append(text)

    def count(self, text: str) -> int:
        return sum(text in each for each in self.texts)


def study(axes: dict, seeds: int = 2, **changes) -> config_dict.ConfigDict:
    """A perceptron for 10 steps of digits."""
    config = small_config(model__name="mlp", model__overrides={"hidden": (16,)}, train__steps=10, model__dropout=0.1)
    config.name = "study"
    config.data.augment = ()
    config.train.eval_every_epochs = 1.0
    config.ablation.axes = axes
    config.ablation.seeds = seeds
    with config.unlocked():
        config.update_from_flattened_dict({field.replace("__", "."): value for field, value in changes.items()})
    return config


def ablate(config: config_dict.ConfigDict, folder: Path, build=build_replicas, part: str = "1/1"):
    notes = Notes()
    return run_arms(config, folder, build, notes, part=part), notes


@pytest.fixture(scope="module")
def finished(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("ablation")
    outcome, notes = ablate(study(RATES, parallel__replicas="vmap"), folder)
    assert outcome.trained == ("learning_rate=0.1", "learning_rate=0.01")
    assert not outcome.failed
    return folder


def test_arms_that_differ_in_numbers_are_what_they_are_alone(finished: Path, tmp_path: Path):
    """Each has a run folder as of a run of its own; all four replicas were one program."""
    for arm in make_arms(study(RATES, parallel__replicas="vmap")):
        alone = train(arm.config, tmp_path / arm.slug, seeds=(0, 1))
        path = path_of(finished, arm)
        found = json.loads((path / "result.json").read_text())
        assert found["replicas"]["together"] == 4
        assert found["seeds"] == alone["seeds"]
        assert (found["steps"], found["parameters"], found["macs"]) == (10, alone["parameters"], alone["macs"])
        for seed in (0, 1):
            for split in ("train", "eval"):
                mine, its = (curve(folder, split, seed=seed) for folder in (path, tmp_path / arm.slug))
                np.testing.assert_allclose(mine, its, rtol=1e-4, atol=1e-4)
        rows, others = (
            [{k: row[k] for k in ("step", "split", "seed")} for row in map(json.loads, (p / "metrics.jsonl").open())]
            for p in (path, tmp_path / arm.slug)
        )
        assert rows == others


def test_one_after_another_is_what_it_is_alone_to_the_bit(tmp_path: Path):
    config = study(RATES, parallel__replicas="sequential")
    ablate(config, tmp_path)
    for arm in make_arms(config):
        train(arm.config, tmp_path / "alone" / arm.slug, seeds=(1,))
        for split in ("train", "eval"):
            mine, its = (curve(p, split, seed=1) for p in (path_of(tmp_path, arm), tmp_path / "alone" / arm.slug))
            np.testing.assert_array_equal(mine, its)


def test_an_arm_can_be_evaluated_and_its_ensemble_is_in_the_result(finished: Path):
    arm = make_arms(study(RATES, parallel__replicas="vmap"))[0]
    result = json.loads((path_of(finished, arm) / "result.json").read_text())
    *rows, ensemble = evaluate(build(arm.config, (0, 1)), path_of(finished, arm), "last")
    for row, reported in zip(rows, result["last"], strict=True):
        assert row["accuracy"] == pytest.approx(reported["accuracy"], abs=1e-9)
    assert result["ensemble"]["loss"] == pytest.approx(ensemble["loss"], rel=1e-6)
    assert result["ensemble"]["loss"] < np.mean([row["loss"] for row in result["last"]])
    rows = [row for row in make_report(read_results(finished)).table("metrics").records() if row["arm"] == arm.name]
    assert [row["weights"] for row in rows] == ["last", "best", "ensemble of 2"]
    assert rows[2]["loss"] == result["ensemble"]["loss"]


def test_finished_arms_are_not_run_again_and_only_what_is_new_is_trained(finished: Path, tmp_path: Path):
    again, notes = ablate(study(RATES, parallel__replicas="vmap"), finished)
    assert again.trained == ()
    assert notes.count("finished before") == 2
    config = study({"optimizer.learning_rate": (0.1,)}, seeds=1, parallel__replicas="sequential")
    ablate(config, tmp_path)
    before = (tmp_path / "arms" / "learning_rate=0.1" / "seeds" / "0" / "metrics.jsonl").stat().st_mtime_ns
    config = study(RATES, seeds=2, parallel__replicas="sequential")
    outcome, _ = ablate(config, tmp_path)
    assert outcome.trained == ("learning_rate=0.1", "learning_rate=0.01")
    assert (tmp_path / "arms" / "learning_rate=0.1" / "seeds" / "0" / "metrics.jsonl").stat().st_mtime_ns == before
    assert [len(arm.runs) for arm in read_results(tmp_path).arms] == [2, 2]


def test_a_seed_that_diverges_is_counted_and_the_others_go_on(tmp_path: Path):
    """Also within one program, where the diverged replicas are beside the others."""
    config = study({"optimizer.learning_rate": (0.1, 1e30)}, parallel__replicas="vmap")
    outcome, _ = ablate(config, tmp_path)
    assert outcome.trained == ("learning_rate=0.1",)
    assert list(outcome.failed) == ["learning_rate=1e+30"]
    good, bad = read_results(tmp_path).arms
    assert (len(good.runs), len(good.failures)) == (2, 0)
    assert (len(bad.runs), sorted(bad.failures)) == (0, [0, 1])
    assert "is not finite at step" in bad.failures[0]
    again, notes = ablate(config, tmp_path)
    assert list(again.failed) == ["learning_rate=1e+30"], "it would diverge again"
    assert notes.count("2 seeds") == 0


def test_an_arm_that_is_refused_leaves_its_reason_and_is_tried_again(tmp_path: Path):
    axes = {"loss.label_smoothing": (0.1, 1.5), "model.norm": ("none", "no_such")}
    outcome, _ = ablate(study(axes, seeds=1), tmp_path)
    assert outcome.trained == ("label_smoothing=0.1,norm=none",)
    assert "unknown norm 'no_such'" in outcome.failed["label_smoothing=0.1,norm=no_such"]
    assert "must lie in [0, 1)" in outcome.failed["label_smoothing=1.5,norm=none"]
    failure = json.loads((tmp_path / "arms" / "label_smoothing=1.5,norm=none" / "failure.json").read_text())
    assert failure["arm"] == "label_smoothing=1.5,norm=none"
    assert failure["seeds"] == {"0": failure["reason"]}


def test_a_defect_is_not_taken_for_a_failed_arm(tmp_path: Path):
    def broken(configs, seeds, pipelines):
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        ablate(study(RATES), tmp_path, broken)


def test_replicas_that_do_not_fit_are_split(tmp_path: Path, monkeypatch):
    """Four at once are out of memory, two are not."""
    sizes, really = [], replicas_module.fit_together

    def limited(experiment, *others):
        sizes.append(len(experiment.seeds))
        if len(experiment.seeds) > 2:
            raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte")
        return really(experiment, *others)

    monkeypatch.setattr(replicas_module, "fit_together", limited)
    outcome, notes = ablate(study(RATES, parallel__replicas="vmap"), tmp_path)
    assert sizes == [4, 2, 2]
    assert len(outcome.trained) == 2
    assert notes.count("4 replicas at once are out of memory; trying 2") == 1
    result = json.loads((tmp_path / "arms" / "learning_rate=0.1" / "result.json").read_text())
    assert result["replicas"] == {"together": 2, "why": "4 replicas at once are out of memory"}


def test_auto_tries_both_ways_where_the_training_is_long_enough(tmp_path: Path, monkeypatch):
    """And keeps to what it chose: a plan is made once."""
    paces = iter([Timing(1e-3, 1e-3), Timing(2e-3, 1.0)])  # of one replica, and of four at once
    monkeypatch.setattr(replicas_module, "time_steps", lambda experiment, programs: next(paces))
    _, notes = ablate(study(RATES), tmp_path)
    assert notes.count("4 replicas 4 at once: 4 at once went at 2.00 times the pace of one after another") == 1
    result = json.loads((tmp_path / "arms" / "learning_rate=0.1" / "result.json").read_text())
    assert result["replicas"]["together"] == 4
    assert "2.00 times the pace" in result["replicas"]["why"]
    ablate(study(RATES, seeds=3), tmp_path)
    result = json.loads((tmp_path / "arms" / "learning_rate=0.1" / "seeds" / "2" / "result.json").read_text())
    assert result["replicas"]["together"] == 2


@pytest.mark.parametrize("version, way", [(None, "one after another"), ("3.2", "4 at once")])
def test_a_warm_cache_does_not_make_a_trial_pay(tmp_path: Path, monkeypatch, version, way):
    """The program of all replicas may not be in it, and what that costs is known of the one that is."""
    monkeypatch.setattr(replicas_module, "time_steps", lambda experiment, programs: Timing(1e-3, 1e-3, 1.0))
    monkeypatch.setattr(replicas_module.onednn, "in_use", lambda: version)
    _, notes = ablate(study(RATES), tmp_path)
    assert notes.count(f"4 replicas {way}: the training is too short to try both ways") == 1


def test_not_even_one_fits(tmp_path: Path, monkeypatch):
    def full(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte")

    monkeypatch.setattr(replicas_module, "fit", full)
    outcome, _ = ablate(study({"optimizer.learning_rate": (0.1,)}, parallel__replicas="sequential"), tmp_path)
    assert "out of memory" in outcome.failed["learning_rate=0.1"]
    assert len(read_results(tmp_path).arms[0].failures) == 2


def test_the_trial_of_a_network_too_large_is_no_crash(tmp_path: Path, monkeypatch):
    def full(*arguments):
        raise jax.errors.JaxRuntimeError("RESOURCE_EXHAUSTED: Out of memory allocating 1 byte")

    monkeypatch.setattr(replicas_module, "time_steps", full)
    monkeypatch.setattr(replicas_module, "fit", full)
    outcome, notes = ablate(study(RATES), tmp_path)
    assert notes.count("4 replicas one after another: not even one replica fits into memory") == 1
    assert set(outcome.failed) == {f"learning_rate={rate}" for rate in RATES["optimizer.learning_rate"]}


def test_an_interrupted_group_goes_on_together(tmp_path: Path, monkeypatch):
    """Also when it was stopped while the folders of its replicas were being finished."""
    config = study(RATES, parallel__replicas="vmap")
    whole = tmp_path / "whole"
    ablate(config, whole)
    calls = []

    class Interrupted(replicas_module.RunFolder):
        def finish(self, result):
            calls.append(self.path)
            if len(calls) == 3:
                raise KeyboardInterrupt
            super().finish(result)

    with monkeypatch.context() as patched, pytest.raises(KeyboardInterrupt):
        patched.setattr(replicas_module, "RunFolder", Interrupted)
        ablate(config, tmp_path / "parts")
    _, notes = ablate(config, tmp_path / "parts")
    assert notes.count("resuming from step 10") == 1
    for arm in make_arms(config):
        one, other = (path_of(folder, arm) / "metrics.jsonl" for folder in (whole, tmp_path / "parts"))
        assert one.read_bytes() == other.read_bytes()


def test_another_config_in_the_same_folder_is_refused_before_anything_runs(finished: Path):
    with pytest.raises(UserError, match=r"train\.steps: 10 there, 12 here"):
        ablate(study(RATES, train__steps=12, parallel__replicas="vmap"), finished)


def test_an_unknown_metric_is_refused_before_anything_runs(tmp_path: Path):
    with pytest.raises(UserError, match="accuracy"):
        ablate(study(RATES, ablation__metric="acuracy"), tmp_path)
    assert not (tmp_path / "arms").exists()


def _hold(folder: str, name: str, ready, done) -> None:
    arms = [arm for arm in make_arms(study(RATES)) if arm.name == name]
    with held(Path(folder), arms):
        ready.set()
        done.wait(60)


def test_an_arm_that_another_process_trains_is_left_to_it(tmp_path: Path):
    context = multiprocessing.get_context("spawn")
    ready, done = context.Event(), context.Event()
    other = context.Process(target=_hold, args=(str(tmp_path), "learning_rate=0.1", ready, done))
    other.start()
    assert ready.wait(60)
    outcome, notes = ablate(study(RATES, seeds=1), tmp_path)
    assert outcome.elsewhere == ("learning_rate=0.1",)
    assert outcome.trained == ("learning_rate=0.01",)
    other.kill()
    other.join()
    outcome, _ = ablate(study(RATES, seeds=1), tmp_path)
    assert outcome.trained == ("learning_rate=0.1",)


def test_shards_are_all_arms_once_and_keep_groups_together():
    axes = {"optimizer.learning_rate": (0.1, 0.2, 0.3), "model.norm": ("none", "batch")}
    arms = make_arms(study(axes))
    parts = [shard(arms, f"{i}/2") for i in (1, 2)]
    assert sorted(arm.name for part in parts for arm in part) == sorted(arm.name for arm in arms)
    assert [len(group_arms(part)) for part in parts] == [1, 1]
    for wrong in ("0/2", "3/2", "2", "a/b"):
        with pytest.raises(UserError, match="must be like 1/3"):
            shard(arms, wrong)


def test_numbers_group_arms_and_what_is_switched_on_or_off_parts_them():
    together = {"model.dropout": (0.0, 0.5), "loss.label_smoothing": (0.0, 0.1)}
    assert len(group_arms(make_arms(study(together)))) == 1
    apart = {"optimizer.clip_norm": (0.0, 1.0), "data.batch_size": (16, 48)}
    assert len(group_arms(make_arms(study(apart)))) == 4


def test_equal_seeds_start_from_equal_values_and_see_the_same_examples():
    """Whatever the norm, and whatever the numbers: every array that two arms have in common starts the same."""
    axes = {"model.norm": ("none", "batch", "layer"), "optimizer.learning_rate": (0.1, 0.2)}
    built = [build(arm.config, (3,)) for arm in make_arms(study(axes))]

    states = [initial(experiment).state for experiment in built]
    first = dict(jax.tree_util.tree_leaves_with_path(states[0].params))
    shared = 0
    for experiment, state in zip(built, states, strict=True):
        for path, leaf in jax.tree_util.tree_leaves_with_path(state.params):
            if path in first and first[path].shape == leaf.shape:
                np.testing.assert_array_equal(leaf, first[path])
                shared += 1
        feed, other = (next(one.train.feed(3, 5)) for one in (experiment, built[0]))
        np.testing.assert_array_equal(feed["index"], other["index"])
        keys = (jax.random.key_data(jax.vmap(TrainState.key)(one)) for one in (state, states[0]))
        np.testing.assert_array_equal(*keys)
    assert shared >= 6 * 3
