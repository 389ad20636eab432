"""Run folders: what is damaged, cut short or of another network is named, and stays as it is."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from tests.cli.bad_inputs.asking import ask, assert_refused
from tests.train.test_damage import flip_a_byte, lose_a_file, lose_the_manifest

Change = Callable[[Path], object]
STABLE = settings(derandomize=True, deadline=None, database=None)


def train(experiment: Path, folder: Path, *more: str) -> tuple[object, ...]:
    return ("train", "--config", experiment, "--workdir", folder, *more)


@pytest.fixture(scope="module")
def runs(experiment: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with finished runs of two networks."""
    folder = tmp_path_factory.mktemp("runs")
    for name, units in (("one", 8), ("other", 12)):
        overrides = f"--config.model.overrides={{'hidden': ({units},)}}"
        assert ask(*train(experiment, folder / name, overrides)).status == 0
    Image.fromarray(np.zeros((8, 8), np.uint8)).save(folder / "image.png")
    return folder


@pytest.fixture
def run(runs: Path, tmp_path: Path) -> Path:
    """A finished run, to be damaged."""
    return shutil.copytree(runs / "one", tmp_path / "run")


def text(name: str, content: object) -> Change:
    return lambda run: (run / name).write_text(content if isinstance(content, str) else json.dumps(content))


def field(name: str, value: object) -> Change:
    """Changes a dotted field of config.json."""

    def change(run: Path) -> None:
        content = json.loads((run / "config.json").read_text())
        *sections, last = name.split(".")
        inner = content
        for section in sections:
            inner = inner[section]
        inner[last] = value
        (run / "config.json").write_text(json.dumps(content))

    return change


def a_folder(name: str) -> Change:
    def change(run: Path) -> None:
        (run / name).unlink()
        (run / name).mkdir()

    return change


def checkpoints(damage: Change) -> Change:
    def change(run: Path) -> None:
        for step in (run / "checkpoints").iterdir():
            damage(step)

    return change


CONFIGS = {
    "nothing": (lambda run: (run / "config.json").unlink(), "holds no run"),
    "zero bytes": (text("config.json", ""), "config.json is damaged"),
    "cut short": (text("config.json", '{"model": {"name": "ml'), "config.json is damaged"),
    "a list": (text("config.json", []), "config.json is damaged (it must be a dict"),
    "a number": (text("config.json", "7"), "config.json is damaged"),
    "too deep": (text("config.json", "[" * 100_000), "config.json is damaged"),
    "a long number": (text("config.json", '{"seed": ' + "9" * 5000 + "}"), "config.json is damaged"),
    "other bytes": (lambda run: (run / "config.json").write_bytes(b"\xff\xfe\x00{"), "config.json is damaged"),
    "a folder": (a_folder("config.json"), "holds no run"),
    "code": (text("config.json", "__import__('os').abort()"), "config.json is damaged"),
    "an unknown field": (field("speed", 3), "has a field 'speed'"),
    "a section in place of a number": (field("seed", {"a": 1}), "config.json: seed is of type int"),
    "a number in place of a section": (field("model", 7), "'model' must be a mapping"),
    "a word in place of a number": (field("train.steps", "many"), "config.json: train.steps is of type int"),
    "nothing in place of a number": (field("data.batch_size", None), "data.batch_size"),
    "no such network": (field("model.name", "mpl"), "did you mean 'mlp'"),
    "not a number": (field("optimizer.learning_rate", float("nan")), "optimizer.learning_rate must be a number"),
    "data that are gone": (field("data.path", "/nowhere.npz"), "no such file: /nowhere.npz"),
}
CHECKPOINTS = {
    "no checkpoints": (lambda run: shutil.rmtree(run / "checkpoints"), "no checkpoint in"),
    "an empty folder": (checkpoints(lambda step: [shutil.rmtree(step), step.mkdir()]), "no checkpoint in"),
    "a file": (lambda run: [shutil.rmtree(run / "checkpoints"), text("checkpoints", "")(run)], "no checkpoint in"),
    "a flipped byte": (checkpoints(flip_a_byte), "no checkpoint in"),
    "a file missing": (checkpoints(lose_a_file), "no checkpoint in"),
    "no manifest": (checkpoints(lose_the_manifest), "no checkpoint in"),
    "a manifest cut short": (checkpoints(text("manifest.json", '{"a": ')), "no checkpoint in"),
    "a manifest of lists": (checkpoints(text("manifest.json", [[]])), "no checkpoint in"),
    "a manifest that escapes": (
        checkpoints(text("manifest.json", {"../../config.json": {"bytes": 1, "sha256": ""}})),
        "no checkpoint in",
    ),
    "an empty manifest": (
        checkpoints(lambda s: [shutil.rmtree(s), s.mkdir(), text("manifest.json", {})(s)]),
        "cannot read",
    ),
}
LINE = '{"step": 1, "epoch": 0.5, "split": "train", "seed": 0, "loss": 1.0}\n'
METRICS = {
    "cut in the middle": (text("metrics.jsonl", LINE + LINE[:20] + "\n" + LINE), "metrics.jsonl:2 is damaged"),
    "of another kind": (text("metrics.jsonl", '{"step": "one"}\n'), "metrics.jsonl:1 is damaged"),
    "too deep": (text("metrics.jsonl", LINE + "[" * 100_000 + "\n"), "metrics.jsonl:2 is damaged"),
    "other bytes": (lambda run: (run / "metrics.jsonl").write_bytes(b"\xff\xfe\n"), "metrics.jsonl is damaged"),
    "a folder": (a_folder("metrics.jsonl"), "cannot read"),
}
RESULTS = {
    "zero bytes": (text("result.json", ""), "result.json is damaged"),
    "cut short": (text("result.json", '{"name": "good", '), "result.json is damaged"),
    "nothing in it": (text("result.json", {}), "result.json is damaged ('name' is missing)"),
    "a list": (text("result.json", [1]), "result.json is damaged"),
    "a folder": (a_folder("result.json"), "cannot read"),
}


@pytest.mark.parametrize("name", CONFIGS)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_damaged_config_is_not_used(runs: Path, run: Path, name: str, command: str):
    change, says = CONFIGS[name]
    change(run)
    more = (runs / "image.png",) if command == "predict" else ()
    assert_refused(command, "--workdir", run, *more, says=says, kept=run)


@pytest.mark.parametrize("name", CHECKPOINTS)
@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_damaged_checkpoint_is_not_used(runs: Path, run: Path, name: str, command: str):
    change, says = CHECKPOINTS[name]
    change(run)
    more = (runs / "image.png",) if command == "predict" else ()
    assert_refused(command, "--workdir", run, *more, says=says, kept=run)


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_checkpoint_of_another_network_is_not_used(runs: Path, run: Path, command: str):
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(runs / "other" / "checkpoints", run / "checkpoints")
    more = (runs / "image.png",) if command == "predict" else ()
    assert_refused(command, "--workdir", run, *more, says="of another network", kept=run)


def test_a_training_does_not_go_on_from_another_network(experiment: Path, runs: Path, run: Path):
    (run / "result.json").unlink()
    shutil.rmtree(run / "checkpoints")
    shutil.copytree(runs / "other" / "checkpoints", run / "checkpoints")
    words = train(experiment, run, "--config.model.overrides={'hidden': (8,)}")
    line = assert_refused(*words, says="cannot read checkpoint 2")
    assert "another network" in line and "(1, 12), not (1, 8)" in line
    assert (run / "checkpoints" / "2" / "manifest.json").is_file(), "nothing is lost"


@pytest.mark.parametrize("name", [*METRICS, *(f"result {name}" for name in RESULTS)])
def test_a_training_does_not_go_on_from_what_is_damaged(experiment: Path, run: Path, name: str):
    change, says = METRICS[name] if name in METRICS else RESULTS[name.removeprefix("result ")]
    change(run)
    words = train(experiment, run, "--config.model.overrides={'hidden': (8,)}")
    assert_refused(*words, says=says, kept=run)


@pytest.mark.parametrize("name", METRICS)
def test_damaged_metrics_are_not_evaluated(run: Path, name: str):
    change, says = METRICS[name]
    change(run)
    assert_refused("evaluate", "--workdir", run, says=says, kept=run)


@given(share=st.floats(0, 1, exclude_max=True), name=st.sampled_from(("config.json", "metrics.jsonl")))
@settings(STABLE, max_examples=15)
def test_a_file_cut_anywhere_is_named_or_cut_at_a_line(runs: Path, tmp_path_factory, share: float, name: str):
    run = shutil.copytree(runs / "one", tmp_path_factory.mktemp("cut") / "run")
    shutil.rmtree(run / "checkpoints")
    data = (run / name).read_bytes()
    (run / name).write_bytes(data[: int(share * (len(data) - 2))])
    assert_refused("evaluate", "--workdir", run, kept=run)


def test_a_folder_that_cannot_be_written_is_named(experiment: Path, run: Path, tmp_path: Path):
    (tmp_path / "file").write_text("")
    for command in ("train", "ablate"):
        axes = () if command == "train" else ("--config.ablation.axes={'model.norm': ('none', 'batch')}",)
        for folder in (tmp_path / "file", tmp_path / "file" / "below", Path("/proc/nowhere"), tmp_path / ("x" * 300)):
            assert_refused(command, "--config", experiment, "--workdir", folder, *axes, says="cannot write to folder")
    words = train(experiment, run, "--config.model.overrides={'hidden': (9,)}")
    assert_refused(*words, says="holds a run with another config: model.overrides", kept=run)


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "name what to evaluate"),
        (("--workdir", "nowhere"), "holds no run"),
        (("--workdir", "/dev/null"), "holds no run"),
        (("--workdir", "one", "--which", "first"), "unknown checkpoint in --which"),
        (("--workdir", "one", "--weights", "x.npz"), "name what to evaluate"),
        (("--weights", "x.npz"), "--weights needs --config"),
        (("--workdir", "one", "more"), "do not know what to do with 'more'"),
        (("--workdir",), "workdir"),
    ],
)
def test_bad_words_of_evaluate_are_refused(runs: Path, monkeypatch, words: tuple[str, ...], says: str):
    monkeypatch.chdir(runs)
    assert_refused("evaluate", *words, says=says, kept=runs)
