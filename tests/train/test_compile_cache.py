"""The compilation cache is where the user says, else below ~/.cache, and stays below a size."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import jax
import pytest

from deepvision.train import compile_cache

_FIELDS = ("compilation_cache_dir", "compilation_cache_max_size", "persistent_cache_min_compile_time_secs")


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    before = {f"jax_{field}": getattr(jax.config, f"jax_{field}") for field in _FIELDS}
    yield
    for field, value in before.items():
        jax.config.update(field, value)


@pytest.mark.parametrize(
    ("variables", "folder"),
    [
        ({"DEEPVISION_CACHE": "own", "XDG_CACHE_HOME": "xdg"}, "own/xla"),
        ({"XDG_CACHE_HOME": "xdg"}, "xdg/deepvision/xla"),
        ({}, ".cache/deepvision/xla"),
    ],
)
def test_it_is_there_and_bounded(tmp_path: Path, monkeypatch, variables: dict[str, str], folder: str):
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("DEEPVISION_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, str(tmp_path / value))
    compile_cache.enable()
    assert jax.config.jax_compilation_cache_dir == str(tmp_path / folder) and (tmp_path / folder).is_dir()
    assert jax.config.jax_compilation_cache_max_size == compile_cache.LIMIT_BYTES


def test_a_folder_that_cannot_be_made_is_passed_over(tmp_path: Path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DEEPVISION_CACHE", str(tmp_path / "file"))
    before = jax.config.jax_compilation_cache_dir
    compile_cache.enable()
    assert jax.config.jax_compilation_cache_dir == before
