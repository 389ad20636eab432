"""The benchmark of starting up times processes, up to what they say or to their end."""

from __future__ import annotations

from pathlib import Path

import pytest

from deepvision.train import compile_cache
from experiments.benchmarks import startup
from experiments.benchmarks.step import first_cores

CORES = first_cores(1)


def test_a_process_is_timed_to_its_end_or_to_a_line(tmp_path: Path):
    code = "import time; print('step  1/9', flush=True); time.sleep(60)"
    wall, process = startup.seconds_of(["-c", code], tmp_path, CORES, until="  1/")
    assert 0 < process <= wall + 0.1 and wall < 30
    whole, _ = startup.seconds_of(["-c", "import time; time.sleep(0.3)"], tmp_path, CORES)
    assert whole >= 0.3


@pytest.mark.parametrize(("code", "until"), [("raise SystemExit('oh')", ""), ("print('no step, oh')", "  1/")])
def test_a_process_that_fails_is_named(tmp_path: Path, code: str, until: str):
    with pytest.raises(SystemExit, match="oh"):
        startup.seconds_of(["-c", code], tmp_path, CORES, until)


def share_cpp(cache: Path) -> None:
    """Has the C++ that other processes of the tests have compiled found in this cache, too."""
    shared = compile_cache.root() / "onednn"
    shared.mkdir(parents=True, exist_ok=True)
    cache.mkdir()
    (cache / "onednn").symlink_to(shared)


def test_a_first_step_keeps_what_it_compiles(tmp_path: Path):
    share_cpp(tmp_path / "lenet5_modern")
    wall, _ = startup.first_step("lenet5_modern", startup.WARM, tmp_path, CORES)
    assert wall > 0.5
    assert any((tmp_path / "lenet5_modern" / "xla").iterdir())


@pytest.mark.parametrize("subject", ["lenet5_modern", startup.JOB])
def test_a_cold_start_finds_nothing_and_a_warm_one_the_same_folder(tmp_path: Path, monkeypatch, subject: str):
    caches = []

    def pretend(words: list[str], cache: Path, cores: list[int], until: str = "") -> tuple[float, float]:
        caches.append((cache, cache.is_dir() and not any(cache.iterdir())))
        return 1.0, 1.0

    monkeypatch.setattr(startup, "seconds_of", pretend)
    for way in (startup.COLD, startup.COLD, startup.WARM, startup.WARM):
        startup.first_step(subject, way, tmp_path, CORES)
    (first, first_empty), (second, second_empty), *warm = caches
    assert first_empty and second_empty and first != second
    assert not first.is_relative_to(tmp_path) and not first.exists()
    assert [cache for cache, _ in warm] == [tmp_path / subject] * 2


def test_the_first_line_of_the_main_job_reports_its_first_step(tmp_path: Path, monkeypatch):
    """With fewer arms and seeds, and without the others' compilation: what is looked for is the line."""
    share_cpp(tmp_path / startup.JOB)
    words = [*startup._MAIN_JOB, "--config.ablation.seeds=1"]
    monkeypatch.setattr(startup, "_MAIN_JOB", words)
    wall, _ = startup.first_step(startup.JOB, startup.WARM, tmp_path, CORES)
    assert wall > 0.5
    with pytest.raises(SystemExit, match="ablate"):
        monkeypatch.setattr(startup, "_MAIN_JOB", [*words, "--config.no_such=1"])
        startup.first_step(startup.JOB, startup.WARM, tmp_path, CORES)


def test_the_table_compares_with_flax_of_the_same_round():
    times = {("net", startup.WARM): [(2.0, 1.0), (6.0, 1.0)], ("net", startup.FLAX): [(4.0, 2.0), (12.0, 2.0)]}
    rows = [startup._row(*key, startup.np.asarray(value), times) for key, value in times.items()]
    text = startup.table(rows)
    assert "| first step of net | deepvision, warm | 4.00 | 2.00 | 6.00 | 1.00 | 0.50 |" in text
    assert "| first step of net | flax | 8.00 | 4.00 | 12.00 | 2.00 | 1.00 |" in text
