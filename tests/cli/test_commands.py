"""The commands with the engine behind them: a small comparison from end to end, and the mistakes it can meet."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from deepvision.ablation.arms import make_arms
from deepvision.cli import app

STUDY = """
from deepvision.config import default_config

def get_config():
    config = default_config()
    config.model.name = "lenet5_modern"
    config.data.image_size = 16
    config.data.train_split = "train[:256]"
    config.data.batch_size = 64
    config.train.steps = 8
    config.ablation.axes = {"model.norm": ("none", "no_such_norm")}
    config.ablation.seeds = 2
    return config
"""


@pytest.fixture(scope="module")
def study(tmp_path_factory) -> str:
    file = tmp_path_factory.mktemp("experiments") / "study.py"
    file.write_text(STUDY)
    return str(file)


@pytest.fixture(scope="module")
def trained(study, tmp_path_factory) -> Path:
    """The folder of a finished run of one seed."""
    workdir = tmp_path_factory.mktemp("runs") / "trained"
    assert app.main(["train", "--config", study, "--workdir", str(workdir)]) == 0
    return workdir


def _mistake(capsys, *argv: str) -> str:
    assert app.main(argv) == 2
    lines = capsys.readouterr().err.splitlines()
    errors = [line for line in lines if line.startswith("error: ")]
    assert errors == lines[-1:]
    return errors[0]


def test_a_finished_run_is_evaluated_to_what_it_reported(trained, capsys):
    result = json.loads((trained / "result.json").read_text())
    for which in ("last", "best"):
        assert app.main(["evaluate", "--workdir", str(trained), "--which", which]) == 0
        out = capsys.readouterr().out
        assert f"{result[which][0]['accuracy']:.4f}" in out
        assert f"{result[which][0]['loss']:.4f}" in out


def test_a_finished_run_is_not_trained_again(trained, study, capsys):
    before = (trained / "metrics.jsonl").stat().st_mtime_ns
    assert app.main(["train", "--config", study, "--workdir", str(trained)]) == 0
    assert (trained / "metrics.jsonl").stat().st_mtime_ns == before
    assert str(trained) in capsys.readouterr().out


def test_several_seeds_are_one_run_that_goes_on_with_the_same_ones_alone(trained, study, tmp_path, capsys):
    words = ("train", "--config", study, "--workdir", str(tmp_path))
    assert app.main([*words, "--seeds", "2"]) == 0
    result = json.loads((tmp_path / "result.json").read_text())
    (alone,) = json.loads((trained / "result.json").read_text())["last"]
    assert result["seeds"] == [0, 1] and result["last"][0] == pytest.approx(alone, rel=1e-3)
    assert result["last"][0]["loss"] != result["last"][1]["loss"]
    capsys.readouterr()
    error = _mistake(capsys, *words, "--seeds", "3")
    assert "holds a run of seeds 0 to 1, not of seeds 0 to 2: choose another --workdir" in error
    assert "--seeds must be 1 to 10,000, got 0" in _mistake(capsys, *words, "--seeds", "0")


def test_another_config_in_the_folder_is_refused(trained, study, capsys):
    error = _mistake(capsys, "train", "--config", study, "--workdir", str(trained), "--config.optimizer.momentum=0.8")
    assert "optimizer.momentum: 0.9 there, 0.8 here" in error
    assert "learning_rate" not in error


def test_a_folder_is_free_where_the_run_failed_before_it_reported_anything(study, tmp_path, capsys):
    words = ("train", "--config", study, "--workdir", str(tmp_path), "--config.train.steps=2")
    error = _mistake(capsys, *words, "--config.optimizer.trainable=('nothing/*',)")
    assert "nothing/*" in error
    assert app.main(words) == 0


def test_an_ablation_with_a_failing_arm_reports_the_others(study, tmp_path, capsys):
    assert app.main(["ablate", "--config", study, "--workdir", str(tmp_path)]) == 3
    first = capsys.readouterr()
    assert "unknown norm 'no_such_norm'" in first.out
    assert "arm 1/2: norm=none: 2 seeds" in first.err
    result = json.loads((tmp_path / "arms" / "norm=none" / "result.json").read_text())
    mean = 100 * sum(row["accuracy"] for row in result["last"]) / 2
    assert f"{mean:.2f} ± " in first.out
    assert result["seeds"] == [0, 1]
    again = app.main(["ablate", "--config", study, "--workdir", str(tmp_path)])
    second = capsys.readouterr()
    assert again == 3
    assert second.out == first.out
    assert "arm 1/2: norm=none: finished before" in second.err
    assert "name one of its arms" in _mistake(capsys, "evaluate", "--workdir", str(tmp_path))


def test_an_ablation_of_which_every_arm_fails_is_a_mistake(study, tmp_path, capsys):
    error = _mistake(capsys, "ablate", "--config", study, "--workdir", str(tmp_path), "--config.data.name=digit")
    assert "every arm failed; the first, norm=none: unknown data set 'digit'" in error


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("--config.model.norm=gruop", "unknown norm 'gruop' (did you mean 'group'?)"),
        ("--config.model.norm=group(group=8)", "'groups'"),
        ("--config.data.name=digit", "unknown data set 'digit'"),
        ("--config.data.image_size=7", "too small"),
        ("--config.optimizer.name=sdg", "did you mean 'sgd'"),
    ],
)
def test_a_mistake_in_the_config_gets_one_line(study, tmp_path, capsys, field, message):
    error = _mistake(capsys, "train", "--config", study, "--workdir", str(tmp_path), field)
    assert message in error


def test_a_folder_that_cannot_be_written_gets_one_line(study, tmp_path, capsys, monkeypatch):
    (tmp_path / "file").write_text("")
    error = _mistake(capsys, "train", "--config", study, "--workdir", str(tmp_path / "file" / "run"))
    assert "cannot write to folder" in error

    def refuse(dir: Path) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("tempfile.TemporaryFile", refuse)
    error = _mistake(capsys, "train", "--config", study, "--workdir", str(tmp_path / "run"))
    assert error == f"error: cannot write to folder {tmp_path / 'run'}: Permission denied"


def test_models_are_listed_and_described(capsys):
    assert app.main(["models", "resnet1*"]) == 0
    assert "11,689,512" in capsys.readouterr().out
    assert app.main(["models", "resnet18", "--norm=group(groups=8)", "--image=64x64x3"]) == 0
    out = capsys.readouterr().out
    assert "groups=8" in out
    assert "64x64x3" in out
    assert "unknown model 'resnet19'" in _mistake(capsys, "models", "resnet19")
    assert "HEIGHTxWIDTHxCHANNELS" in _mistake(capsys, "models", "resnet18", "--image=64")
    assert "--norm needs the name of one network" in _mistake(capsys, "models", "resnet*", "--norm=group")


def test_every_experiment_has_a_config_and_says_what_it_claims():
    root = Path(__file__).parents[2]
    files = sorted((root / "experiments").glob("*.py"))
    assert files
    for file in files:
        text = file.read_text()
        parts = [text.index(f"\n{part}: ") for part in ("Claim", "Source", "Command", "Cost", "Result")]
        assert parts == sorted(parts)
        assert f"--config experiments/{file.name}" in text
        arguments = app.parse(app.COMMANDS["train"], ["--config", str(file)])
        assert arguments.config.name == file.stem
        if f"{file.name}:full" in text:
            full = app.parse(app.COMMANDS["ablate"], ["--config", f"{file}:full"]).config
            assert full.name == f"{file.stem}_full"
            assert len(make_arms(full)) >= len(make_arms(arguments.config)) > 1


def test_a_variant_that_an_experiment_does_not_have_is_named(capsys):
    file = Path(__file__).parents[2] / "experiments" / "poolings.py"
    error = _mistake(capsys, "ablate", "--config", f"{file}:ful")
    assert "unknown variant of the experiment 'ful'" in error and "full" in error
