"""The state of an optimizer of several parts is saved and read like any other: a run goes on to the same bits."""

from __future__ import annotations

import shutil
from pathlib import Path

import jax
import numpy as np
import pytest

from deepvision.train.checkpoint import read_variables
from tests.train.small import curve, small_config, train


@pytest.mark.parametrize(
    "fields",
    [
        {
            "optimizer__name": "muon(beta=0.6, steps=3, fixed_norm=True)",
            "optimizer__groups": ("rate(of='*norm*/bias', factor=4.0)", "freeze(of='head/bias', epochs=0.2)"),
        },
        {"optimizer__name": "sgd", "train__averaging": "lookahead(every=3)"},
    ],
    ids=["muon", "lookahead"],
)
def test_a_run_that_has_lost_its_last_checkpoint_ends_in_the_same_bits(fields: dict, tmp_path: Path):
    config = small_config(
        model__name="mlp",
        model__overrides={"hidden": (16, 16)},
        model__norm="batch",
        train__steps=8,
        train__checkpoint_every_steps=4,
        **fields,
    )
    train(config, tmp_path)
    variables, losses = read_variables(tmp_path), curve(tmp_path)
    (tmp_path / "result.json").unlink()
    (last,) = (folder for folder in (tmp_path / "checkpoints").iterdir() if folder.name == "8")
    shutil.rmtree(last)
    train(config, tmp_path)
    jax.tree.map(np.testing.assert_array_equal, read_variables(tmp_path), variables)
    np.testing.assert_array_equal(curve(tmp_path), losses)
    assert losses.shape == (8,)
