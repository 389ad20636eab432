"""The benchmark of memory has a row for every way, from processes of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from experiments.benchmarks import memory
from experiments.benchmarks.peers import ours


def test_a_process_answers_with_its_peak_and_its_programs(tmp_path: Path):
    check(memory.in_process(memory.OURS, "lenet5_modern", 1 / 64, tmp_path))
    assert any(tmp_path.iterdir()), "the next process finds what this one has compiled"


def test_plain_flax_has_the_same_figures():
    check(memory.measure(memory.FLAX, memory.workload_of("lenet5_modern", 1 / 64)))


def check(figures: dict[str, float]) -> None:
    assert set(figures) == {"peak", "before", "arguments", "made", "between"}
    assert figures["before"] > 50 and figures["peak"] >= 0
    parameters = 61_706 * 4 / 2**20
    assert 2 * parameters <= figures["arguments"] < 3 * parameters, "parameters and momentum, and a few small images"


def test_remat_is_asked_for():
    workload = memory.workload_of("lenet5_modern", 1 / 64)
    assert workload.batch_size == 4
    training = ours.make_training(workload, remat=True)
    assert training.experiment.config.model.remat
    assert training.run(1) > training.run(5) > 0


def test_the_table_compares_with_the_same_batch():
    figures = {"arguments": 1.0, "made": 0.0, "between": 2.0}
    made = [
        {"network": "net", "batch": 8, "way": memory.OURS, "peak": 10.0, **figures},
        {"network": "net", "batch": 8, "way": memory.TORCH, "peak": 15.0},
    ]
    text = memory.table(made)
    assert "| net, 8 | deepvision | 10.0 | 1.00 | 1.0 | 0.0 | 2.0 |" in text
    assert "| net, 8 | torch | 15.0 | 1.50 |  |  |  |" in text


def test_a_process_that_fails_is_named(tmp_path: Path):
    with pytest.raises(SystemExit, match="no_such"):
        memory.in_process(memory.OURS, "no_such", 1.0, tmp_path)
