"""Every network has the parameters and multiply-accumulates of its reference."""

from __future__ import annotations

import pytest

import deepvision as dv
from deepvision.models import MODELS
from tests.goldens import fill

_BIAS = "the reference's convolutions own a bias in front of batch norm, which cancels it"
# Where we differ on purpose: network -> (our parameters less the reference's, reason).
DELIBERATE = {
    "vgg11_bn": (-2_752, _BIAS),
    "vgg13_bn": (-2_944, _BIAS),
    "vgg16_bn": (-4_224, _BIAS),
    "vgg19_bn": (-5_504, _BIAS),
}
OURS = {  # networks without a reference, counted by hand: parameters, multiply-accumulates
    "mlp": (784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10, 784 * 512 + 512 * 512 + 512 * 10),
    "vit_tiny_patch4_32": (
        (48 + 1) * 192 + 66 * 192 + 12 * (12 * 192**2 + 13 * 192) + 2 * 192 + 1930,
        64 * 48 * 192 + 12 * (65 * 12 * 192**2 + 2 * 65**2 * 192) + 1920,
    ),
    "vit_micro_patch4_32": (
        (48 + 1) * 64 + 66 * 64 + 4 * (8 * 64**2 + 11 * 64) + 2 * 64 + 650,
        64 * 48 * 64 + 4 * (65 * 8 * 64**2 + 2 * 65**2 * 64) + 640,
    ),
}


def test_every_network_is_counted():
    assert set(fill.FACTS) | set(OURS) == set(MODELS)


@pytest.mark.parametrize("name", fill.FACTS)
def test_counts_are_those_of_the_reference(name):
    facts = fill.FACTS[name]
    _, channels, height, width = facts["input"]
    described = dv.describe(dv.create_model(name), (height, width, channels))
    difference, _ = DELIBERATE.get(name, (0, ""))
    assert described.parameters == facts["params"] + difference
    assert described.macs == facts["macs"]
    assert described.state == facts["buffers"]
    assert described.input_shape == dv.create_model(name).image_shape


@pytest.mark.parametrize("name", OURS)
def test_counts_are_those_of_the_formula(name):
    model = dv.create_model(name)
    described = dv.describe(model, model.image_shape)
    assert (described.parameters, described.macs) == OURS[name]
