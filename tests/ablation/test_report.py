"""The report, from run folders whose numbers are known."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from PIL import Image
from rich.console import Console

from deepvision.ablation.report import as_json, comma_separated, markdown, terminal, write_report
from deepvision.ablation.results import read_results
from deepvision.ablation.run import run_arms
from deepvision.errors import UserError
from tests.ablation import made_up

HALF_WIDTH = 12.706204736 * 0.01  # t(0.975, 1) * sd / sqrt(2) of two seeds 0.02 apart: sd = 0.02 / sqrt(2)


def _ignore(text: str) -> None:
    pass


@pytest.fixture
def workdir(tmp_path):
    run_arms(made_up.config(), tmp_path, made_up.fit, _ignore)
    return tmp_path


def _rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_csv_holds_the_numbers_in_full(workdir):
    rows = _rows(comma_separated(read_results(workdir)))
    assert [row["norm"] for row in rows] == ["none", "batch", "layer"]
    batch = rows[1]
    assert float(batch["mean"]) == pytest.approx(0.98, abs=1e-15)
    assert float(batch["sd"]) == pytest.approx(0.02 / math.sqrt(2), abs=1e-15)
    assert float(batch["ci95_low"]) == pytest.approx(0.98 - HALF_WIDTH, abs=1e-10)
    assert float(batch["ci95_high"]) == pytest.approx(0.98 + HALF_WIDTH, abs=1e-10)
    assert (batch["n"], batch["parameters"], batch["images_per_second"]) == ("2", "61706", "1234.5")
    assert (batch["seed_5"], batch["seed_6"]) == ("0.97", "0.99")


def test_markdown_is_in_percent_and_marks_the_best_mean(workdir):
    lines = markdown(read_results(workdir)).splitlines()
    assert lines[2] == "| norm | accuracy (%) | sd | seeds | parameters | images/s |"
    assert lines[4] == "| none | 91.00 ± 12.71 | 1.41 | 2 | 61,706 | 1,234 |"
    assert lines[5].startswith("| **batch** | **98.00 ± 12.71** |")
    assert lines[6].startswith("| layer | 97.00 ± 12.71 |")
    assert "Best mean (bold): norm=batch; the intervals of 2 of the 2 other arms overlap its own" in lines[-1]


def test_the_terminal_table_has_every_arm_and_number(workdir):
    console = Console(width=120, file=io.StringIO())
    console.print(terminal(read_results(workdir)))
    text = console.file.getvalue()
    for part in ("study", "none", "batch", "layer", "98.00 ± 12.71", "61,706", "1,234"):
        assert part in text


def test_a_lower_loss_is_better(workdir):
    description = json.loads((workdir / "ablation.json").read_text()) | {"metric": "loss"}
    (workdir / "ablation.json").write_text(json.dumps(description))
    results = read_results(workdir)
    assert results.best.name == "norm=batch"
    assert "| **0.0200 ± 0.1271** |" in markdown(results)


def test_intervals_that_stand_apart_are_said_to(tmp_path, monkeypatch):
    monkeypatch.setattr(made_up, "ACCURACIES", {"none": (0.5, 0.5001), "batch": (0.97, 0.9701)})
    run_arms(made_up.config(("none", "batch")), tmp_path, made_up.fit, _ignore)
    assert "the intervals of 0 of the 1 other arms overlap its own" in markdown(read_results(tmp_path))


def test_one_seed_shows_no_interval(tmp_path, monkeypatch):
    monkeypatch.setattr(made_up, "ACCURACIES", {"none": (0.5,), "batch": (0.97,)})
    config = made_up.config(("none", "batch"))
    config.ablation.seeds = 1
    run_arms(config, tmp_path, made_up.fit, _ignore)
    results = read_results(tmp_path)
    text = markdown(results)
    assert "| none | 50.00 | – | 1 |" in text
    assert "±" not in text
    assert _rows(comma_separated(results))[0]["sd"] == ""
    write_report(results, tmp_path)


def test_arms_without_a_result_say_why(workdir):
    (workdir / "arms" / "norm=none" / "result.json").unlink()
    batch = workdir / "arms" / "norm=batch"
    (batch / "result.json").unlink()
    (batch / "failure.json").write_text(json.dumps({"arm": "norm=batch", "reason": "loss is nan | step 3"}))
    results = read_results(workdir)
    lines = markdown(results).splitlines()
    assert lines[4].startswith("| none | not finished |")
    assert lines[5].startswith("| batch | failed: loss is nan \\| step 3 |")
    assert lines[6].startswith("| **layer** |")
    rows = _rows(comma_separated(results))
    assert rows[1]["failure"] == "failed: loss is nan | step 3"
    assert rows[2]["mean"] != ""


def test_json_names_the_best_arm_and_every_seed(workdir):
    content = json.loads(as_json(read_results(workdir)))
    assert (content["metric"], content["best"]) == ("accuracy", "norm=batch")
    assert content["arms"][2]["values"] == [0.96, 0.98]
    assert content["arms"][2]["seeds"] == [5, 6]


def test_the_report_is_a_function_of_the_folders(workdir):
    first = {path.name: path.read_bytes() for path in write_report(read_results(workdir), workdir)}
    assert set(first) == {"table.md", "table.csv", "report.json", "plot.png"}
    second = {path.name: path.read_bytes() for path in write_report(read_results(workdir), workdir)}
    assert first == second


def test_the_plot_is_a_picture_and_the_curves_are_those_of_the_seeds(workdir):
    results = read_results(workdir)
    curve = results.arms[1].measured.curve
    assert curve.epochs == (1.0, 2.0)
    assert curve.values == ((0.485, 0.495), (0.97, 0.99))
    write_report(results, workdir)
    with Image.open(workdir / "plot.png") as image:
        assert image.format == "PNG"
        assert len(image.convert("RGB").getcolors(maxcolors=1 << 20)) > 100


def test_an_ablation_with_nothing_finished_still_reports(tmp_path):
    def fail(config, seeds, path):
        raise UserError("no such data")

    run_arms(made_up.config(), tmp_path, fail, _ignore)
    results = read_results(tmp_path)
    write_report(results, tmp_path)
    assert "No arm has finished." in markdown(results)


def test_a_folder_without_an_ablation_is_named(tmp_path):
    with pytest.raises(UserError, match="holds no ablation"):
        read_results(tmp_path / "nothing")
