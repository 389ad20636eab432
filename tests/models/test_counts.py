"""Every network has the parameters and multiply-accumulates of its reference."""

from __future__ import annotations

import pytest

import deepvision as dv
from deepvision.models import ALIASES, MODELS, PUBLISHED
from tests.goldens import fill

_BIAS = "the reference's convolutions own a bias in front of batch norm, which cancels it"
# Where we differ on purpose: network -> (our parameters less the reference's, reason).
DELIBERATE = {
    "vgg11_bn": (-2_752, _BIAS),
    "vgg13_bn": (-2_944, _BIAS),
    "vgg16_bn": (-4_224, _BIAS),
    "vgg19_bn": (-5_504, _BIAS),
    "bn_inception_convbias": (-9_952, _BIAS),
    "bn_inception_caffe": (-10_016, _BIAS),
    "dncnn17_gray_bn_bias": (-960, _BIAS),
}
OURS = {  # networks without a reference, counted by hand: parameters, multiply-accumulates
    "mlp": (784 * 512 + 512 + 512 * 512 + 512 + 512 * 10 + 10, 784 * 512 + 512 * 512 + 512 * 10),
    "airbench94": (
        24 + 9 * (24 * 64 + 64**2 + 64 * 256 + 3 * 256**2) + 2 * (64 + 2 * 256) + 2560,
        31**2 * (12 * 24 + 9 * 24 * 64)
        + 15**2 * 9 * (64**2 + 64 * 256)
        + 7**2 * 9 * 2 * 256**2
        + 3**2 * 9 * 256**2
        + 2560,
    ),
    "vit_tiny_patch4_32": (
        (48 + 1) * 192 + 66 * 192 + 12 * (12 * 192**2 + 13 * 192) + 2 * 192 + 1930,
        64 * 48 * 192 + 12 * (65 * 12 * 192**2 + 2 * 65**2 * 192) + 1920,
    ),
    "vit_micro_patch4_32": (
        (48 + 1) * 64 + 66 * 64 + 4 * (8 * 64**2 + 11 * 64) + 2 * 64 + 650,
        64 * 48 * 64 + 4 * (65 * 8 * 64**2 + 2 * 65**2 * 64) + 640,
    ),
}


def test_every_network_is_published_and_every_reference_is_here():
    assert set(PUBLISHED) == set(MODELS)
    assert set(fill.FACTS) <= set(MODELS)
    assert set(ALIASES.values()) <= set(MODELS) and not set(ALIASES) & set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_counts_are_those_published_and_those_of_the_reference(name):
    model = dv.create_model(name)
    described = dv.describe(model, model.image_shape)
    assert (described.parameters, described.macs) == PUBLISHED[name][:2]
    if name in fill.FACTS:
        facts = fill.FACTS[name]
        difference, _ = DELIBERATE.get(name, (0, ""))
        assert described.parameters == facts["params"] + difference
        assert described.macs == facts["macs"]
        assert described.state == facts["buffers"]
        _, channels, height, width = facts["input"]
        assert described.input_shape == (height, width, channels)


@pytest.mark.parametrize("name", OURS)
def test_counts_are_those_of_the_formula(name):
    assert PUBLISHED[name][:2] == OURS[name]
