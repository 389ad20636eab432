"""Bad input in processes of their own, where nothing that a library writes past Python is missed."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.bad_inputs.asking import digest


def refused(*words: object, lines: int = 1) -> list[str]:
    """Returns the lines that a command wrote on standard error, all of them errors."""
    command = [sys.executable, "-m", "deepvision", *map(str, words)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, env={**os.environ})
    found = done.stderr.splitlines()
    assert (done.returncode, len(found)) == (2, lines), done.stderr
    assert all(line.startswith("error: ") for line in found), done.stderr
    return found


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from tests.goldens import fill

    folder = tmp_path_factory.mktemp("weights")
    np.savez(folder / "good.npz", **fill.golden("lenet5_modern").weights)
    (folder / "bad.safetensors").write_bytes(b"\x08" + bytes(7) + b"no JSON.")
    return folder


def test_a_mistake_in_a_config(experiment: Path, tmp_path: Path):
    words = ("train", "--config", experiment, "--workdir", tmp_path, "--config.model.overrides={'hidden': (-1,)}")
    assert "field 'hidden' of model 'mlp'" in refused(*words)[0]


def test_weights_that_are_damaged(weights: Path, tmp_path: Path):
    Image.fromarray(np.zeros((32, 32), np.uint8)).save(tmp_path / "a.png")
    words = ("predict", "--model", "lenet5_modern", "--weights", weights / "bad.safetensors", tmp_path / "a.png")
    assert "cannot read" in refused(*words)[0]


def test_images_that_are_damaged_among_one_that_is_not(weights: Path, tmp_path: Path):
    image = Image.fromarray(np.zeros((32, 32), np.uint8))
    image.save(tmp_path / "a.png")
    for name in ("b.tif", "c.jpg", "d.png", "e.webp", "f.gif"):
        image.save(tmp_path / name)
        (tmp_path / name).write_bytes((tmp_path / name).read_bytes()[:-60])
    before = digest(tmp_path)
    lines = refused("predict", "--model", "lenet5_modern", "--weights", weights / "good.npz", tmp_path, lines=5)
    assert [line.split(": ")[1] for line in lines] == [
        str(tmp_path / name) for name in sorted(before) if name != "a.png"
    ]
    assert digest(tmp_path) == before


def test_a_run_that_is_damaged(tmp_path: Path):
    (tmp_path / "config.json").write_text('{"model": ')
    (tmp_path / "metrics.jsonl").write_text("")
    before = digest(tmp_path)
    assert "config.json is damaged" in refused("evaluate", "--workdir", tmp_path)[0]
    assert digest(tmp_path) == before
