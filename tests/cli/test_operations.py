"""The table of the dearest operations fits a terminal, and adds up to the step."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from rich.console import Console

from deepvision.ablation.run import checked_arms
from deepvision.cli.operations import operations_of, shown
from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.train.profile import FOLDER, Operation, Summary

KINDS = ("convolution", "matrix product", "window reduction", "elementwise")
OPERATIONS = tuple(
    Operation(f"broadcast_fusion.{i}", KINDS[i % 4], f"layer{i}_0/norm", "backward", "", 12 / 2**i, 0.48 / 2**i, 1.0)
    for i in range(14)
)
REST = sum(o.share for o in OPERATIONS[10:])
SUMMARY = Summary(20, 40, 20, 1, 25.0, 1 - sum(o.share for o in OPERATIONS), OPERATIONS)


@pytest.mark.parametrize("width", [80, 120])
def test_the_table_fits_and_names_the_ten_dearest(width: int):
    console = Console(width=width, file=io.StringIO())
    console.print(shown(SUMMARY, width))
    text = console.file.getvalue()
    assert max(map(len, text.splitlines())) <= width
    for o in OPERATIONS[:10]:
        (line,) = (line for line in text.splitlines() if f" {o.operation} " in line)
        assert line.split()[-3:] == [f"{o.ms:.3f}", f"{100 * o.share:.1f}", "1"]
        assert o.layer in text
    assert OPERATIONS[10].operation not in text
    assert all(kind in text for kind in KINDS)
    assert f"idle for {100 * SUMMARY.idle:.2f} %" in " ".join(text.split())
    rows = [line.split() for line in text.splitlines()]
    (more,) = (row for row in rows if row[1:2] == ["more"])
    (idle,) = (row for row in rows if row[:1] == ["idle"] and len(row) == 3)
    assert more == ["4", "more", f"{25 * REST:.3f}", f"{100 * REST:.1f}"]
    assert float(idle[1]) == pytest.approx(25 * SUMMARY.idle, abs=1e-3)


def test_what_was_written_is_read_again(tmp_path: Path):
    (tmp_path / FOLDER).mkdir()
    SUMMARY.write(tmp_path / FOLDER)
    assert Summary.read(tmp_path / FOLDER) == SUMMARY
    operations_of(tmp_path, 80)
    (tmp_path / FOLDER / "operations.json").write_text('{"asked": 20}')
    with pytest.raises(UserError, match=r"operations.json is damaged \('first' is missing\)"):
        operations_of(tmp_path, 80)


def test_a_run_that_was_finished_before_has_nothing_to_trace(tmp_path: Path):
    with pytest.raises(UserError, match=r"^profile: there is no account of operations in .* had been finished before"):
        operations_of(tmp_path, 80)


def test_an_ablation_is_not_traced():
    config = default_config()
    config.profile = 5
    config.ablation.axes = {"model.norm": ("batch", "group")}
    with pytest.raises(UserError, match="^profile is for one training"):
        checked_arms(config)
    config.profile, config.ablation.axes = 0, {"profile": (0, 5)}
    with pytest.raises(UserError, match="^profile is for one training"):
        checked_arms(config)
