"""The config and the seeds of a run, read back."""

from __future__ import annotations

import json

import pytest

from deepvision.cli.run_config import read_config, read_seeds
from deepvision.config import default_config
from deepvision.errors import UserError


def test_a_config_comes_back_from_its_run(tmp_path):
    config = default_config()
    config.model.norm = dict(name="group", groups=8)
    config.data.augment = ("flip", "pad_crop(padding=4)")
    config.ablation.axes = {"model.norm": ("batch", None)}
    (tmp_path / "config.json").write_text(json.dumps(config.to_dict()))
    assert read_config(tmp_path).to_dict() == config.to_dict()


def test_a_run_of_another_version_is_refused(tmp_path):
    (tmp_path / "config.json").write_text(json.dumps({"train": {"speed": 3}}))
    with pytest.raises(UserError, match="config.json: it has a field 'train.speed'"):
        read_config(tmp_path)
    with pytest.raises(UserError, match="holds no run"):
        read_config(tmp_path / "nothing")


def test_seeds_are_those_that_have_reported(tmp_path):
    assert read_seeds(tmp_path, 7) == (7,)
    rows = [{"step": step, "epoch": 0.5 * step, "split": "train", "seed": seed} for step in (1, 2) for seed in (4, 5)]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "metrics.jsonl").write_text(text + '{"step": 3, "spl')  # as a kill leaves it
    assert read_seeds(tmp_path, 7) == (4, 5)
