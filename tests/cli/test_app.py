"""The command line: what it answers to good and to bad input, without training anything."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
import types

import pytest

from deepvision.cli import app, config_file
from deepvision.cli.commands import COMMANDS
from tests.ablation import made_up

CONFIG = """
from deepvision.config import default_config

def get_config():
    config = default_config()
    config.train.epochs = 2.0
    return config
"""


@pytest.fixture
def experiment(tmp_path):
    file = tmp_path / "study.py"
    file.write_text(CONFIG)
    return str(file)


@pytest.fixture
def seen(monkeypatch):
    """Replaces the commands by one that remembers its arguments; returns them."""
    calls = []
    module = types.SimpleNamespace(run=lambda arguments: calls.append(arguments) or 0)
    monkeypatch.setattr(app.importlib, "import_module", lambda name: module)
    return calls


def _mistake(capsys, *argv: str) -> str:
    """Runs a command that must fail by the user's mistake; returns the one line it says."""
    status = app.main(argv)
    captured = capsys.readouterr()
    assert status == 2
    assert captured.out == ""
    assert captured.err.startswith("error: ")
    assert captured.err.count("\n") == 1
    return captured.err


def test_fields_are_changed_from_the_command_line(experiment, seen):
    argv = ["train", f"--config={experiment}", "--workdir", "runs/a", "--config.model.norm=group(groups=8)"]
    argv += ["--config.model.act", "gelu", "--config.data.image_size=28", "--noconfig.train.keep_best"]
    argv += ["--config.data.augment=('flip', 'cutout(size=8)')", "--config.model.overrides={'width': 8}"]
    assert app.main(argv) == 0
    config = seen[0].config
    assert config.name == "study"
    assert (config.model.norm, config.model.act) == ("group(groups=8)", "gelu")
    assert (config.data.image_size, config.train.keep_best, config.train.epochs) == (28, False, 2.0)
    assert config.data.augment == ("flip", "cutout(size=8)")
    assert config.model.overrides == {"width": 8}
    assert seen[0].flags.workdir == "runs/a"


def test_axes_are_given_on_the_command_line_too(experiment, seen):
    assert app.main(["ablate", "--config", experiment, '--config.ablation.axes={"model.norm": ("a", "b")}']) == 0
    assert seen[0].config.ablation.axes == {"model.norm": ("a", "b")}


def test_a_field_that_is_a_sequence_may_be_given_by_its_items(experiment, seen):
    flags = ["--config.data.augment=flip", "--config.data.augment=cutout(size=8)"]
    assert app.main(["train", "--config", experiment, *flags]) == 0
    assert seen[0].config.data.augment == ("flip", "cutout(size=8)")


def test_fields_may_come_before_the_file(experiment, seen):
    assert app.main(["train", "--config.train.epochs=7", "--config", experiment]) == 0
    assert seen[0].config.train.epochs == 7.0


@pytest.mark.parametrize(
    ("field", "message"),
    [
        ("--config.model.nrom=group", "config has no field 'model.nrom'; did you mean 'model.norm'?"),
        ("--config.modle.norm=group", "did you mean 'model.norm'?"),
        ("--config.zzz=1", "deepvision/config.py lists the fields"),
        ("--config.train.epochs=many", "train.epochs"),
        ("--config.train.steps=1.5", "train.steps"),
        ("--config.train.keep_best=maybe", "train.keep_best"),
        ("--config.data.augment=('flip', ", "augment"),
        ("--config.train.epochs", "--config.train.epochs needs a value"),
        ("--config.model.norm", "--config.model.norm needs a value"),
        ("--wrokdir=runs/a", "unknown flag '--wrokdir'"),
        ("leftover", "do not know what to do with 'leftover'"),
    ],
)
def test_a_bad_field_or_flag_gets_one_line(experiment, capsys, field, message):
    assert message in _mistake(capsys, "train", "--config", experiment, field)


def test_a_missing_config_gets_one_line(capsys, tmp_path):
    assert "--config is missing" in _mistake(capsys, "train")
    assert "there is no file 'nowhere.py'" in _mistake(capsys, "train", "--config", "nowhere.py")
    assert "config" in _mistake(capsys, "train", "--config")
    text = tmp_path / "study.txt"
    text.write_text(CONFIG)
    assert "is not a Python file" in _mistake(capsys, "train", "--config", str(text))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def get_config(:\n", "study.py:1: invalid syntax"),
        ("\n\nimport nothing_of_this_name\n", "study.py:3: ModuleNotFoundError: No module named"),
        ("x = 1\n", "there is no function get_config() in it"),
        ("def get_config():\n    return 3\n", "must return a ConfigDict, returned int"),
        (
            CONFIG.replace("train.epochs", "train.epoch"),
            "study.py:6: config has no field 'epoch'; did you mean 'epochs'?",
        ),
        (CONFIG.replace("2.0", "'two'"), "study.py:6: TypeError: Could not override field 'epochs'"),
    ],
)
def test_a_broken_config_file_is_named_with_its_line(tmp_path, capsys, text, message):
    file = tmp_path / "study.py"
    file.write_text(text)
    assert message in _mistake(capsys, "train", "--config", str(file))


def test_an_unknown_command_gets_the_nearest(capsys):
    assert "'train'" in _mistake(capsys, "trian")


def test_what_is_missing_or_wrong_is_named_before_jax_is_loaded(capsys, tmp_path):
    assert "usage: python -m deepvision report DIR" in _mistake(capsys, "report")
    assert "holds no ablation" in _mistake(capsys, "report", str(tmp_path))


def test_help_lists_every_command_and_flag(capsys):
    assert app.main([]) == 0
    overview = capsys.readouterr().out
    for name, command in COMMANDS.items():
        assert name in overview
        assert app.main([name, "--help"]) == 0
        text = capsys.readouterr().out
        assert all(f"--{flag.name}" in text for flag in command.flags)


def test_help_comes_at_once_and_without_jax():
    code = "import sys; from deepvision.cli import app; app.main(['train', '--help']); assert 'jax' not in sys.modules"
    start = time.monotonic()
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
    assert time.monotonic() - start < 2.0


@pytest.mark.parametrize("name", ["train", "ablate"])
def test_what_trains_does_not_wait_for_what_reports(name: str):
    slow = ("scipy.stats", "scipy.special", "matplotlib", "sklearn", "tensorboardX", "tensorflow_datasets", "grain")
    code = f"import sys, deepvision.cli.{name}; print([name for name in {slow} if name in sys.modules])"
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "[]"


def test_interruption_is_one_line_and_130(experiment, monkeypatch, capsys):
    def interrupted(arguments):
        raise KeyboardInterrupt

    monkeypatch.setattr(app.importlib, "import_module", lambda name: types.SimpleNamespace(run=interrupted))
    assert app.main(["train", "--config", experiment]) == 130
    assert capsys.readouterr().err.count("\n") == 1


def test_a_defect_keeps_its_traceback(experiment, monkeypatch):
    def defect(arguments):
        raise ZeroDivisionError

    monkeypatch.setattr(app.importlib, "import_module", lambda name: types.SimpleNamespace(run=defect))
    with pytest.raises(ZeroDivisionError):
        app.main(["train", "--config", experiment])


def test_a_reader_that_goes_away_is_no_error():
    command = f"{sys.executable} -m deepvision --help | true; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], check=True, capture_output=True, text=True)
    assert done.stdout == "0\n"
    assert done.stderr == ""


def test_report_makes_the_table_again(tmp_path, capsys):
    made_up.write(made_up.config(), tmp_path, made_up.fit)
    assert app.main(["report", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert "98.00 ± 12.71" in out
    for name in ("report.html", "table.md", "table.tex", "table.csv", "runs.csv", "report.json", "plots"):
        assert str(tmp_path / name) in out
        assert (tmp_path / name).stat().st_size > 0
    description = json.loads((tmp_path / "ablation.json").read_text()) | {"metric": "speed"}
    (tmp_path / "ablation.json").write_text(json.dumps(description))
    assert "unknown metric 'speed'" in _mistake(capsys, "report", os.fspath(tmp_path))


def test_report_unites_folders_and_takes_questions(tmp_path, capsys):
    for name in "ab":
        (tmp_path / name).mkdir()
        made_up.write(made_up.config(), tmp_path / name, made_up.fit)
    folders = [str(tmp_path / name) for name in "ab"]
    assert app.main(["report", *folders, "--baseline", "batch", "--metric=loss", f"--out={tmp_path / 'both'}"]) == 0
    out = capsys.readouterr().out
    assert "Paired differences to norm=batch" in out
    assert "run twice, with equal numbers" in out
    assert (tmp_path / "both" / "report.html").is_file()
    assert app.main(["report", *folders]) == 0
    assert str(tmp_path / "a" / "united" / "report.html") in capsys.readouterr().out
    assert "unknown arm 'bach'" in _mistake(capsys, "report", folders[0], "--baseline=bach")
    assert "unknown flag '--basline'" in _mistake(capsys, "report", folders[0], "--basline=batch")
    assert "given more than once" in _mistake(capsys, "report", folders[0], folders[0])
    assert "cannot write" in _mistake(capsys, "report", folders[0], "--out=/proc/nowhere")


def test_the_claim_is_what_the_experiment_says_of_itself(experiment, tmp_path):
    assert config_file.docstring(experiment) == ""
    file = tmp_path / "claim.py"
    file.write_text('"""Which one?\n\nClaim: this one.\n"""\n' + CONFIG)
    assert config_file.docstring(str(file)) == "Which one?\n\nClaim: this one."
