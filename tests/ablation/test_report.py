"""The report, from run folders whose numbers are known."""

from __future__ import annotations

import csv
import io
import json
import math

import pytest
from rich.console import Console

from deepvision.ablation.merge import read_results
from deepvision.ablation.metrics import get_metric
from deepvision.ablation.report import make_report, terminal, write_report
from deepvision.ablation.report.as_json import as_json
from deepvision.ablation.report.comma_separated import comma_separated
from deepvision.ablation.report.latex import escape, latex
from deepvision.ablation.report.markdown import markdown
from deepvision.errors import UserError
from tests.ablation import made_up
from tests.ablation.study import noise, write

HALF_WIDTH = 12.706204736 * 0.01  # t(0.975, 1) * sd / sqrt(2) of two seeds 0.02 apart: sd = 0.02 / sqrt(2)
FILES = {"report.html", "table.md", "table.tex", "table.csv", "runs.csv", "report.json"}


@pytest.fixture
def workdir(tmp_path):
    made_up.write(made_up.config(), tmp_path, made_up.fit)
    return tmp_path


def _report(folder, metric=""):
    return make_report(read_results(folder, metric))


def _rows(report, key="arms") -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(comma_separated(report.table(key)))))


def _lines(report, heading: str) -> list[str]:
    """Returns the rows of a table in Markdown, the heading and the rule first."""
    text = markdown(report).split(f"## {heading}\n\n")[1]
    return text.split("\n\n")[0].splitlines()


def test_csv_holds_the_numbers_in_full(workdir):
    rows = _rows(_report(workdir))
    assert [row["norm"] for row in rows] == ["none", "batch", "layer"]
    batch = rows[1]
    assert float(batch["mean"]) == pytest.approx(0.98, abs=1e-15)
    assert float(batch["sd"]) == pytest.approx(0.02 / math.sqrt(2), abs=1e-15)
    assert float(batch["ci95_low"]) == pytest.approx(0.98 - HALF_WIDTH, abs=1e-10)
    assert float(batch["ci95_high"]) == pytest.approx(0.98 + HALF_WIDTH, abs=1e-10)
    assert (batch["n"], batch["parameters"], batch["images_per_second"]) == ("2", "61706", "1234.5")
    assert (batch["seed_5"], batch["seed_6"]) == ("0.97", "0.99")


def test_every_run_is_in_a_table_of_its_own(workdir):
    rows = _rows(_report(workdir), "runs")
    assert [(row["arm"], row["seed"]) for row in rows[:3]] == [
        ("norm=none", "5"),
        ("norm=none", "6"),
        ("norm=batch", "5"),
    ]
    assert (rows[2]["last_accuracy"], rows[2]["best_accuracy"]) == ("0.97", "0.97")
    assert rows[2]["folder"].endswith("arms/norm=batch")


def test_markdown_is_in_percent_and_marks_the_best_mean(workdir):
    lines = _lines(_report(workdir), "Held-out accuracy (%) after the last step")
    assert lines[0] == "| norm | accuracy (%) | sd | bootstrap | seeds | parameters | MACs | images/s |"
    assert lines[2] == "| none | 91.00 ± 12.71 | 1.41 | [90.00, 92.00] | 2 | 61,706 | – | 1,234 |"
    assert lines[3].startswith("| **batch** | **98.00 ± 12.71** |")
    assert lines[4].startswith("| layer | 97.00 ± 12.71 |")


def test_all_metrics_are_shown_last_and_best(workdir):
    lines = _lines(_report(workdir), "All metrics")
    assert lines[0] == "| arm | weights | accuracy (%) | loss |"
    assert lines[4] == "| norm=batch | last | 98.00 ± 12.71 | 0.0200 ± 0.1271 |"
    assert lines[5] == "| norm=batch | best | 98.00 ± 12.71 | 0.0200 ± 0.1271 |"


def test_differences_to_the_baseline_are_in_points(workdir):
    lines = _lines(_report(workdir), "Paired differences to norm=none")
    assert lines[2].startswith("| norm=batch | +7.00 ± 0.00 | better | <0.001 | <0.001 | – | 1.00 | 2 | 0.00 |")


def test_configs_show_what_differs_and_what_is_shared(workdir):
    report = _report(workdir)
    assert _lines(report, "What differs between arms")[2:] == [
        "| norm=none | none |",
        "| norm=batch | batch |",
        "| norm=layer | layer |",
    ]
    shared = {row["field"]: row["value"] for row in report.table("shared").records()}
    assert shared["optimizer.learning_rate"] == "0.1"
    assert "model.norm" not in shared


def test_the_terminal_has_the_verdict_and_every_arm(workdir):
    console = Console(width=120, file=io.StringIO())
    console.print(terminal(_report(workdir)))
    text = console.file.getvalue()
    for part in ("study", "none", "batch", "layer", "98.00 ± 12.71", "61,706", "1,234", "Against norm=none"):
        assert part in text


def test_a_lower_loss_is_better(workdir):
    report = _report(workdir, "loss")
    assert report.results.best[0].name == "norm=batch"
    assert "| **0.0200 ± 0.1271** |" in markdown(report)


def test_one_seed_shows_no_interval(tmp_path, monkeypatch):
    monkeypatch.setattr(made_up, "ACCURACIES", {"none": (0.5,), "batch": (0.97,)})
    config = made_up.config(("none", "batch"))
    config.ablation.seeds = 1
    made_up.write(config, tmp_path, made_up.fit)
    report = _report(tmp_path)
    text = markdown(report).split("## All metrics")[0]
    assert "| none | 50.00 | – | – | 1 |" in text
    assert "±" not in text
    assert _rows(report)[0]["sd"] == ""
    write_report(report, tmp_path)


def test_arms_without_a_result_say_why(workdir):
    (workdir / "arms" / "norm=none" / "result.json").unlink()
    batch = workdir / "arms" / "norm=batch"
    (batch / "result.json").unlink()
    (batch / "failure.json").write_text(json.dumps({"arm": "norm=batch", "reason": "loss is nan | step 3"}))
    report = _report(workdir)
    lines = _lines(report, "Held-out accuracy (%) after the last step")
    assert lines[2].startswith("| none | not finished |  |  | 0 of 2 |")
    assert lines[3].startswith("| batch | failed |  |  | 0 of 2 |")
    assert lines[4].startswith("| **layer** |")
    assert _lines(report, "Runs that failed")[2] == "| norm=batch | 2 of 2 | 5, 6 | loss is nan \\| step 3 |"
    rows = _rows(report)
    assert rows[1]["failure"] == "failed: loss is nan | step 3"
    assert rows[2]["mean"] != ""


def test_some_failed_seeds_are_counted_in_the_table(tmp_path):
    folder = write(tmp_path, {"model.norm": ("none", "batch")}, _value, failures={"batch": {2: "loss is nan"}})
    report = _report(folder)
    assert "| 3 of 4 |" in _lines(report, "Held-out accuracy (%) after the last step")[3]
    assert _lines(report, "Runs that failed")[2] == "| norm=batch | 1 of 4 | 2 | loss is nan |"


def test_json_has_the_verdict_and_every_table(workdir):
    content = json.loads(as_json(_report(workdir)))
    assert (content["metric"], content["best"], content["baseline"]) == ("accuracy", "norm=batch", "norm=none")
    arms = content["tables"]["arms"]
    assert (arms[2]["seed_5"], arms[2]["seed_6"]) == (0.96, 0.98)
    assert content["verdict"].startswith("Against norm=none")
    assert content["tables"]["comparisons"][0]["p_holm"] == pytest.approx(0.0, abs=1e-9)


def test_json_has_no_numbers_that_json_lacks(workdir):
    found = []
    json.loads(as_json(_report(workdir)), parse_constant=found.append)
    assert found == []


def test_latex_escapes_and_balances(tmp_path):
    changes = {"name": "50 %_of #1 & {more}"}
    report = _report(write(tmp_path, {"model.norm": ("none", "group(groups=8)")}, _value, changes=changes))
    text = latex(report)
    assert r"accuracy (\%)" in text
    assert r"\pm" in text
    assert (
        text.count(r"\begin{tabular}") == text.count(r"\end{tabular}") == text.count(r"\toprule") == len(report.main())
    )
    for table, block in zip(report.main(), text.split(r"\begin{tabular}")[1:], strict=True):
        rows = [line for line in block.splitlines() if line.endswith(r"\\")]
        assert all(line.count(" & ") == len(table.shown) - 1 for line in rows)
        assert len(rows) == len(table.rows) + 1


def test_latex_specials():
    assert escape(r"a_b & 5 % #1 {x} \ ~ ^ < > η² ± −1") == (
        r"a\_b \& 5 \% \#1 \{x\} \textbackslash{} \textasciitilde{} \textasciicircum{} $<$ $>$ $\eta^2$ $\pm$ $-$1"
    )


def test_the_report_is_a_function_of_the_folders(workdir):
    def contents():
        write_report(_report(workdir), workdir)
        files = [file for file in workdir.glob("*") if file.name in FILES] + list((workdir / "plots").iterdir())
        return {file.name: file.read_bytes() for file in files}

    first = contents()
    assert first.keys() >= FILES | {"arms.png", "arms.svg", "differences.svg", "curves.png"}
    assert contents() == first


def test_an_ablation_with_nothing_finished_still_reports(tmp_path):
    def fail(config, seeds, path):
        raise UserError("no such data")

    made_up.write(made_up.config(), tmp_path, fail)
    report = _report(tmp_path)
    write_report(report, tmp_path)
    assert "No arm has finished." in markdown(report)
    assert "no such data" in markdown(report)


def _value(arm, seed):
    return 0.9 + 0.01 * noise(arm, seed)


def test_weights_beside_their_average_are_written_as_they_are():
    newest = get_metric("newest_calibration_error")
    assert (newest.heading, newest.higher_is_better) == ("newest_calibration_error (%)", False)
    with pytest.raises(UserError, match="unknown metric 'newest_speed'"):
        get_metric("newest_speed")
