"""What is particular to RegNet: the widths that the formula gives, and the squeeze."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import pytest

import deepvision as dv
from deepvision.models.regnet import stages_of


@pytest.mark.parametrize(
    ("name", "widths", "blocks"),  # as published
    [
        ("regnet_y_400mf", (48, 104, 208, 440), (1, 3, 6, 6)),
        ("regnet_y_1_6gf", (48, 120, 336, 888), (2, 6, 17, 2)),
        ("regnet_y_16gf", (224, 448, 1232, 3024), (2, 4, 11, 1)),
    ],
)
def test_the_formula_gives_the_published_stages(name, widths, blocks):
    model = dv.create_model(name)
    stages = stages_of(model.blocks, model.initial, model.slope, model.ratio, model.group_width)
    assert stages == tuple(zip(widths, blocks, strict=True))


def test_the_squeeze_is_a_quarter_of_what_enters_the_block():
    model = dv.create_model("regnet_y_400mf")
    params = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 64, 64, 3)))["params"]
    shapes = [
        params[block]["conv2"]["attention"]["reduce"]["dense"]["kernel"].shape for block in ("layer1_0", "layer2_0")
    ]
    assert shapes == [(48, 32 // 4), (104, 48 // 4)]
