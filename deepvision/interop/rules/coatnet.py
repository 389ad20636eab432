"""Names of CoAtNet: our own, as no library has the network of the paper."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.coatnet import CoAtNet


def coatnet(model: CoAtNet) -> Rules:
    block = r"(layer\d_\d+)"
    modules = {
        r"(conv\d)/(conv|norm)": r"\1.\2",
        rf"{block}/(preact|expand|depthwise|project|shortcut)/(conv|norm)": r"\1.\2.\3",
        rf"{block}/attention/(reduce|expand)(/dense)?": r"\1.attention.\2",
        rf"{block}/(norm\d)": r"\1.\2",
        rf"{block}/attn/(qkv|proj)": r"\1.attn.\2",
        rf"{block}/mlp/(fc\d)(/dense)?": r"\1.mlp.\2",
        "norm": "norm",
        "head/dense": "head",
    }
    arrays = {rf"{block}/attn/relative_positions": r"\1.attn.relative_positions"}
    return Rules(modules, classes="head.weight", arrays=arrays, norm_follows=False)
