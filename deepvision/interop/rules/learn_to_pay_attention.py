"""Names of the networks that learn to pay attention: our own."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.learn_to_pay_attention import AttentionVGG


def attention_vgg(model: AttentionVGG) -> Rules:
    modules = {r"(conv\d_\d|attention\d)/(\w+)": r"\1.\2", "fc/dense": "fc", "head": "head"}
    return Rules(modules, classes="head.weight")
