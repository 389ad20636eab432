"""Reading ablations back, and uniting those of different days and machines."""

from __future__ import annotations

import json

import pytest

from deepvision.ablation.merge import find_arm, flatten, read_results
from deepvision.errors import UserError
from tests.ablation import study
from tests.ablation.study import noise, write

NORMS = {"model.norm": ("none", "batch")}
_VALUES = {"none": 0.90, "batch": 0.92, "layer": 0.94}


def _value(arm, seed):
    return _VALUES[arm.model.norm] + 0.001 * seed


def _noisy(arm, seed):
    return 0.9 + 0.01 * noise(arm, seed)


def _found(results, metric="accuracy"):
    return {arm.name: arm.values(metric) for arm in results.arms}


def test_every_metric_of_every_seed_is_read_last_and_best(tmp_path):
    results = read_results(write(tmp_path, NORMS, _value))
    assert results.metrics == ["accuracy", "loss", "margin"]
    arm = results.arms[1]
    assert arm.values("accuracy") == pytest.approx({0: 0.92, 1: 0.921, 2: 0.922, 3: 0.923})
    assert arm.values("loss", "best")[2] == pytest.approx(0.078)
    assert arm.runs[0].curves["accuracy"][1.0] == pytest.approx(0.46)
    assert arm.costs[0].macs == 44_040 * (arm.costs[0].parameters // 10_000) ** 2
    assert (results.studies[0].claim, results.baseline.name) == (study.CLAIM, "norm=none")


def test_seeds_of_equal_configs_are_united(tmp_path):
    first = write(tmp_path / "a", NORMS, _value, seeds=2)
    elsewhere = {"seed": 2, "data.data_dir": "/elsewhere", "name": "again"}
    second = write(tmp_path / "b", {"model.norm": ("layer", "batch")}, _value, seeds=3, changes=elsewhere)
    results = read_results([first, second])
    assert (results.axes, results.notes) == (("norm",), ())
    assert {name: list(values) for name, values in _found(results).items()} == {
        "norm=none": [0, 1],
        "norm=batch": [0, 1, 2, 3, 4],
        "norm=layer": [2, 3, 4],
    }
    assert len(results.arms[1].costs) == 2


def test_a_field_that_differs_between_folders_becomes_a_column(tmp_path):
    first = write(tmp_path / "a", NORMS, _value)
    second = write(tmp_path / "b", {"model.norm": ("layer",)}, _value, changes={"train.epochs": 30.0})
    results = read_results([first, second])
    assert results.axes == ("norm", "epochs")
    assert [arm.labels for arm in results.arms] == [("none", "15.0"), ("batch", "15.0"), ("layer", "30.0")]
    assert results.arms[2].name == "norm=layer,epochs=30.0"


def test_an_axis_of_one_folder_is_a_column_of_all(tmp_path):
    first = write(tmp_path / "a", NORMS, _value)
    axes = {"model.norm": ("batch",), "model.act": (None, "gelu")}
    results = read_results([first, write(tmp_path / "b", axes, _value, seeds=2, changes={"seed": 4})])
    assert results.axes == ("norm", "act")
    assert [(*arm.labels, len(arm.runs)) for arm in results.arms] == [
        ("none", "default", 4),
        ("batch", "default", 6),
        ("batch", "gelu", 2),
    ]


def test_a_run_made_twice_is_told(tmp_path):
    first, second = (write(tmp_path / name, NORMS, _value) for name in "ab")
    assert read_results([first, second]).notes[0] == "norm=none: run twice, with equal numbers, seeds 0, 1, 2, 3"
    third = write(tmp_path / "c", NORMS, lambda arm, seed: _value(arm, seed) - 0.01, seeds=1)
    results = read_results([first, third])
    assert len(results.notes) == 2
    assert "norm=none: run twice, with different numbers, seed 0 (most of all seed 0: loss 0.1 in " in results.notes[0]
    assert results.notes[0].endswith("the first is used")
    assert _found(results)["norm=none"][0] == pytest.approx(0.90)


def test_a_failure_in_one_folder_and_a_result_in_another_are_told(tmp_path):
    first = write(tmp_path / "a", NORMS, _value, failures={"batch": {1: "loss is not finite"}})
    second = write(tmp_path / "b", NORMS, _value, seeds=2)
    results = read_results([first, second])
    assert results.arms[1].failures == {}
    assert any("norm=batch, seed 1: failed in one folder (loss is not finite), finished in" in n for n in results.notes)


def test_failed_seeds_are_counted_with_their_reasons(tmp_path):
    results = read_results(write(tmp_path, NORMS, _value, failures={"batch": {1: "loss is nan", 3: "loss is nan"}}))
    arm = results.arms[1]
    assert (list(arm.values("accuracy")), arm.failures) == ([0, 2], {1: "loss is nan", 3: "loss is nan"})
    assert arm.failure == "2 of 4 seeds failed: loss is nan"
    assert results.best[0].name == "norm=none"  # its own mean is higher, but of those that survived


def test_a_metric_that_is_not_finite_is_a_failure(tmp_path):
    write(tmp_path, NORMS, _value)
    file = tmp_path / "arms" / "norm=batch" / "result.json"
    result = json.loads(file.read_text())
    result["last"][1]["loss"] = float("nan")
    file.write_text(json.dumps(result))
    arm = read_results(tmp_path).arms[1]
    assert (len(arm.runs), arm.failures) == (3, {1: "loss is not finite"})


def test_an_arm_that_was_not_run_is_pending(tmp_path):
    write(tmp_path, NORMS, _value)
    (tmp_path / "arms" / "norm=batch" / "result.json").unlink()
    arm = read_results(tmp_path).arms[1]
    assert (arm.runs, arm.pending, arm.failure) == ((), (0, 1, 2, 3), "not finished")


def test_a_delta_is_one_of_its_own_metric(tmp_path):
    folder = write(tmp_path, NORMS, _value, changes={"ablation.delta": 0.01})
    assert read_results(folder).delta == 0.01
    assert read_results(folder, metric="loss").delta == 0.0


def test_the_baseline_goes_by_name_or_labels(tmp_path):
    folder = write(tmp_path, NORMS, _value, changes={"ablation.baseline": "batch"})
    assert read_results(folder).baseline.name == "norm=batch"
    assert read_results(folder, baseline="norm=none").baseline.name == "norm=none"
    assert find_arm("", read_results(folder).arms).name == "norm=none"


def test_baseline_and_delta_are_no_part_of_a_run(tmp_path):
    write(tmp_path, NORMS, _value)
    write(tmp_path, NORMS, _value, changes={"ablation.baseline": "batch", "ablation.delta": 0.5})
    assert read_results(tmp_path).baseline.name == "norm=batch"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"baseline": "bach"}, "unknown arm 'bach'.*Valid: norm=batch, norm=none"),
        ({"metric": "acc"}, "unknown metric 'acc'"),
        ({"metric": "top5_accuracy"}, "has no metric 'top5_accuracy'; it has: accuracy, loss, margin"),
    ],
)
def test_bad_questions_get_one_line(tmp_path, arguments, message):
    folder = write(tmp_path, NORMS, _value)
    with pytest.raises(UserError, match=message) as error:
        read_results(folder, **arguments)
    assert "\n" not in str(error.value)


def test_bad_folders_get_one_line(tmp_path):
    with pytest.raises(UserError, match="holds no ablation"):
        read_results(tmp_path / "nothing")
    folder = write(tmp_path / "a", NORMS, _value)
    with pytest.raises(UserError, match="given more than once"):
        read_results([folder, tmp_path / "a" / ".." / "a"])


@pytest.mark.parametrize(
    ("changes", "message"),
    [({"ablation.baseline": "bach"}, "unknown arm 'bach'"), ({"ablation.delta": -1.0}, "must not be negative")],
)
def test_a_bad_question_is_refused_before_anything_runs(tmp_path, changes, message):
    with pytest.raises(UserError, match=message):
        write(tmp_path, NORMS, _value, changes=changes)
    assert not (tmp_path / "ablation.json").exists()


def test_sections_of_a_config_are_one_deep():
    plain = {"seed": 1, "model": {"norm": {"name": "group", "groups": 8}, "act": None}}
    assert flatten(plain) == {"seed": 1, "model.norm": {"name": "group", "groups": 8}, "model.act": None}


def test_order_of_folders_changes_no_number(tmp_path):
    first = write(tmp_path / "a", NORMS, _noisy, seeds=2)
    second = write(tmp_path / "b", NORMS, _noisy, seeds=2, changes={"seed": 2})
    assert _found(read_results([first, second])) == _found(read_results([second, first]))


def test_a_baseline_keeps_its_old_name_where_a_column_is_added(tmp_path):
    first = write(tmp_path / "a", NORMS, _value, changes={"ablation.baseline": "norm=batch"})
    second = write(tmp_path / "b", {"model.norm": ("layer",)}, _value, changes={"train.epochs": 30.0})
    assert read_results([first, second]).baseline.name == "norm=batch,epochs=15.0"
    assert read_results([first, second], baseline="layer").baseline.name == "norm=layer,epochs=30.0"
    assert read_results([first, second], baseline="norm=none,epochs=15.0").baseline.labels == ("none", "15.0")


def test_what_was_run_goes_before_what_was_planned(tmp_path):
    write(tmp_path, NORMS, _value)
    file = tmp_path / "arms" / "norm=batch" / "config.json"
    config = json.loads(file.read_text())
    config["optimizer"]["learning_rate"] = 0.5
    file.write_text(json.dumps(config))
    assert read_results(tmp_path).arms[1].config["optimizer.learning_rate"] == 0.5
    file.unlink()
    assert read_results(tmp_path).arms[1].config["optimizer.learning_rate"] == 0.1


def test_arms_known_by_name_keep_it(tmp_path):
    """An axis that is no field of the config, as of arms that are listed."""
    for name, norm in (("a", "none"), ("b", "batch")):
        write(tmp_path / name, {"model.norm": (norm,)}, _value)
        file = tmp_path / name / "ablation.json"
        content = json.loads(file.read_text()) | {"fields": ["arm"], "axes": ["arm"]}
        content["arms"][0] |= {"name": f"my {norm}", "labels": [f"my {norm}"]}
        file.write_text(json.dumps(content))
    results = read_results([tmp_path / "a", tmp_path / "b"])
    assert (results.axes[0], [arm.labels[0] for arm in results.arms]) == ("arm", ["my none", "my batch"])


def test_a_field_that_came_later_is_taken_as_by_default(tmp_path):
    first, second = (
        write(tmp_path / name, NORMS, _value, seeds=2, changes={"seed": s}) for name, s in (("a", 0), ("b", 2))
    )
    for file in second.glob("arms/*/config.json"):
        config = json.loads(file.read_text())
        del config["optimizer"]["nesterov"]
        file.write_text(json.dumps(config))
    results = read_results([first, second], defaults={"optimizer.nesterov": False, "ablation.new": 1})
    assert [list(arm.values("accuracy")) for arm in results.arms] == [[0, 1, 2, 3]] * 2
    assert results.notes == (f"{second} is from before optimizer.nesterov: taken as by default",)
    assert read_results([first, second]).axes == ("norm", "nesterov")
