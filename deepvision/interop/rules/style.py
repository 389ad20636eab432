"""Names of the networks for transfer of style."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.adain_decoder import AdaINDecoder
from deepvision.models.transform_net import TransformNet


def transform_net(model: TransformNet) -> Rules:
    """github.com/pytorch/examples, fast_neural_style; biases in front of its norms, which cancel them, are left out."""
    modules = {
        r"conv(\d)/conv": r"conv\1.conv2d",
        r"conv(\d)/norm": r"in\1",
        **{f"up{level}/conv": f"deconv{3 - level}.conv2d" for level in (2, 1)},
        **{f"up{level}/norm": f"in{6 - level}" for level in (2, 1)},
        "head": "deconv3.conv2d",
    }
    for index in range(model.depth):
        modules[rf"block{index}/conv(\d)/conv"] = rf"res{index + 1}.conv\1.conv2d"
        modules[rf"block{index}/conv(\d)/norm"] = rf"res{index + 1}.in\1"
    cancelled = (r"conv\d\.conv2d\.bias", r"res\d+\.conv\d\.conv2d\.bias", r"deconv[12]\.conv2d\.bias")
    return Rules(modules, classes="deconv3.conv2d.weight", ignored=cancelled)


def adain_decoder(model: AdaINDecoder) -> Rules:
    """github.com/naoto0804/pytorch-AdaIN: one sequence of paddings, convolutions, activations and enlargements."""
    modules, place = {}, 1
    for stage in range(len(model.stage_sizes), 0, -1):
        for index in range(model.stage_sizes[stage - 1], 0, -1):
            last = stage == index == 1
            modules["head" if last else f"conv{stage}_{index}/conv"] = str(place)
            place += 3
        place += 1
    return Rules(modules, classes=f"{place - 4}.weight")
