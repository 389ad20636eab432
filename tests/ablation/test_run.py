"""Running, resuming and failing arms."""

from __future__ import annotations

import json

import pytest

from deepvision.ablation.merge import read_results
from deepvision.ablation.run import run_arms
from deepvision.errors import UserError
from tests.ablation import made_up


class Recorder:
    """Trains by writing made-up results; remembers the calls; fails where told."""

    def __init__(self, failing: str = "", error: type[BaseException] = UserError):
        self.calls: list[tuple[str, tuple[int, ...]]] = []
        self._failing, self._error = failing, error

    def __call__(self, config, seeds, path):
        self.calls.append((config.model.norm, seeds))
        if config.model.norm == self._failing:
            raise self._error("loss is nan at step 120")
        made_up.fit(config, seeds, path)


def _run(config, workdir, fit):
    notes: list[str] = []
    return run_arms(config, workdir, fit, notes.append), notes


def test_every_arm_is_trained_once_with_all_seeds(tmp_path):
    fit = Recorder()
    outcome, _ = _run(made_up.config(), tmp_path, fit)
    assert fit.calls == [("none", (5, 6)), ("batch", (5, 6)), ("layer", (5, 6))]
    assert outcome.trained == ("norm=none", "norm=batch", "norm=layer")
    assert outcome.failed == {}


def test_finished_arms_are_not_run_again(tmp_path):
    _run(made_up.config(("none", "batch")), tmp_path, Recorder())
    again = Recorder()
    outcome, notes = _run(made_up.config(("layer", "batch", "none")), tmp_path, again)
    assert again.calls == [("layer", (5, 6))]
    assert outcome.trained == ("norm=layer",)
    assert sum("finished before" in note for note in notes) == 2


def test_an_interrupted_ablation_goes_on_where_it_stopped(tmp_path):
    with pytest.raises(KeyboardInterrupt):
        _run(made_up.config(), tmp_path, Recorder("batch", KeyboardInterrupt))
    again = Recorder()
    _run(made_up.config(), tmp_path, again)
    assert [norm for norm, _ in again.calls] == ["batch", "layer"]


def test_a_failed_arm_leaves_its_reason_and_the_rest_goes_on(tmp_path):
    outcome, _ = _run(made_up.config(), tmp_path, Recorder("none"))
    assert outcome.failed == {"norm=none": "loss is nan at step 120"}
    assert outcome.trained == ("norm=batch", "norm=layer")
    stored = json.loads((tmp_path / "arms" / "norm=none" / "failure.json").read_text())
    assert stored == {"arm": "norm=none", "reason": "loss is nan at step 120"}
    assert read_results(tmp_path).arms[0].failure == "failed: loss is nan at step 120"


def test_a_failed_arm_is_tried_again_and_its_failure_forgotten(tmp_path):
    _run(made_up.config(), tmp_path, Recorder("none"))
    again = Recorder()
    outcome, _ = _run(made_up.config(), tmp_path, again)
    assert [norm for norm, _ in again.calls] == ["none"]
    assert outcome.failed == {}
    assert not (tmp_path / "arms" / "norm=none" / "failure.json").exists()


def test_a_defect_is_not_taken_for_a_failed_arm(tmp_path):
    with pytest.raises(ZeroDivisionError):
        _run(made_up.config(), tmp_path, Recorder("none", ZeroDivisionError))


def test_another_config_in_the_same_folder_is_refused_before_anything_runs(tmp_path):
    _run(made_up.config(("batch",)), tmp_path, Recorder())
    config = made_up.config(("none", "batch"))
    config.train.epochs = 3.0
    fit = Recorder()
    with pytest.raises(UserError, match=r"train\.epochs: 15\.0 there, 3\.0 here"):
        _run(config, tmp_path, fit)
    assert fit.calls == []


def test_an_unknown_metric_is_refused_before_anything_runs(tmp_path):
    config = made_up.config()
    config.ablation.metric = "acuracy"
    fit = Recorder()
    with pytest.raises(UserError, match="accuracy"):
        _run(config, tmp_path, fit)
    assert fit.calls == []
