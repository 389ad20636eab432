"""`report`: a folder without an ablation, or with one that is damaged, is named and stays as it is."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ablation import made_up
from tests.cli.bad_inputs.asking import ask, assert_refused

ARM = "arms/norm=batch"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    made_up.write(made_up.config(), tmp_path / "study", made_up.fit)
    return tmp_path / "study"


def text(name: str, content: object) -> Callable[[Path], object]:
    return lambda study: (study / name).write_text(content if isinstance(content, str) else json.dumps(content))


def description(**changes: object) -> Callable[[Path], object]:
    """Changes ablation.json; None: takes a key out."""

    def change(study: Path) -> None:
        content = json.loads((study / "ablation.json").read_text()) | changes
        content = {key: value for key, value in content.items() if value is not None}
        (study / "ablation.json").write_text(json.dumps(content))

    return change


def arm(**changes: object) -> Callable[[Path], object]:
    """Changes what ablation.json says of its first arm."""

    def change(study: Path) -> None:
        content = json.loads((study / "ablation.json").read_text())
        content["arms"][0] |= changes
        (study / "ablation.json").write_text(json.dumps(content))

    return change


def result(**changes: object) -> Callable[[Path], object]:
    """Changes the result of an arm; None: takes a key out."""

    def change(study: Path) -> None:
        file = study / ARM / "result.json"
        content = json.loads(file.read_text()) | changes
        file.write_text(json.dumps({key: value for key, value in content.items() if value is not None}))

    return change


CASES = {
    "no description": (lambda study: (study / "ablation.json").unlink(), "holds no ablation"),
    "zero bytes": (text("ablation.json", ""), "ablation.json is damaged"),
    "cut short": (text("ablation.json", '{"name": "st'), "ablation.json is damaged"),
    "a list": (text("ablation.json", []), "ablation.json is damaged (it must be a dict"),
    "too deep": (text("ablation.json", "[" * 100_000), "ablation.json is damaged"),
    "no arms": (description(arms=None), "'arms' is missing"),
    "an empty list of arms": (description(arms=[]), "names no arm"),
    "arms in words": (description(arms=["batch"]), "an item of 'arms' must be a dict"),
    "no fields": (description(fields=None), "'fields' is missing"),
    "fields in numbers": (description(fields=[3]), "an item of 'fields' must be a str"),
    "a name that is a number": (description(name=7), "'name' must be a str"),
    "an unknown metric": (description(metric="beauty"), "unknown metric 'beauty'"),
    "a metric that was not measured": (description(metric="psnr"), "has no metric 'psnr'"),
    "an unknown baseline": (description(baseline="nobody"), "unknown arm 'nobody'"),
    "a difference in words": (description(delta="small"), "'delta' must be a float"),
    "more labels than axes": (arm(labels=["a", "b"]), "ablation.json is damaged"),
    "a folder that escapes": (arm(folder="../../../etc"), "ablation.json is damaged"),
    "a folder elsewhere": (arm(folder="/etc"), "ablation.json is damaged"),
    "a result cut short": (text(f"{ARM}/result.json", '{"last": ['), "result.json is damaged"),
    "a result without rows": (result(last=None), "'last' is missing"),
    "rows without seeds": (result(last=[{"accuracy": 1.0}]), "'seed' is missing"),
    "rows in words": (result(best="all"), "'best' must be a list"),
    "a result without a time": (result(seconds=None), "'seconds' is missing"),
    "a result without metrics": (result(last=[{"seed": 5}, {"seed": 6}]), "has no metric 'accuracy'"),
    "a broken config": (text(f"{ARM}/config.json", "{"), "config.json is damaged"),
    "a config of lists": (text(f"{ARM}/config.json", [1]), "config.json is damaged"),
    "broken metrics": (text(f"{ARM}/metrics.jsonl", "{}\n"), "metrics.jsonl:1 is damaged"),
    "a broken environment": (text(f"{ARM}/environment.json", "7"), "environment.json is damaged"),
    "a failure without a reason": (text(f"{ARM}/failure.json", {}), "failure.json is damaged"),
}


@pytest.mark.parametrize("name", CASES)
def test_a_damaged_ablation_is_named(study: Path, name: str):
    change, says = CASES[name]
    change(study)
    assert_refused("report", study, says=says, kept=study)


def test_what_holds_no_ablation_is_named(study: Path, tmp_path: Path):
    (tmp_path / "empty").mkdir()
    for folder in (tmp_path / "empty", tmp_path / "nowhere", study / "ablation.json", "/dev/null", ""):
        assert_refused("report", folder, says="holds no ablation", kept=study)
    assert_refused("report", study, study, says="given more than once")
    assert_refused("report", study, tmp_path / "empty", says="holds no ablation", kept=study)
    assert_refused("report", study, "--out", study / "ablation.json", says="cannot write", kept=study)
    assert_refused("report", says="usage: python -m deepvision report")


def test_an_ablation_of_which_nothing_has_finished_is_reported_so(study: Path):
    for file in study.glob("arms/*/result.json"):
        file.unlink()
    answer = ask("report", study)
    assert answer.status in (0, 2) and "Traceback" not in answer.err


def test_names_are_no_code_in_the_page(study: Path):
    evil = "<script>alert(1)</script>"
    description(name=evil, claim=evil, command=evil)(study)
    arm(name=evil, labels=[evil])(study)
    assert ask("report", study).status == 0
    assert evil not in (study / "report.html").read_text()
