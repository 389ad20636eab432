"""Names of the pyramid vision transformers in timm."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.pvt import PVTv2


def timm(model: PVTv2) -> Rules:
    """timm, where stages count from 0."""
    modules = {"head/dense": "head"}
    for stage in range(len(model.stage_sizes)):
        ours, theirs = rf"layer{stage + 1}_(\d+)", rf"stages.{stage}.blocks.\1"
        modules |= {
            rf"embed{stage + 1}/(proj|norm)": rf"stages.{stage}.downsample.\1" if stage else r"patch_embed.\1",
            rf"{ours}/norm(\d)": rf"{theirs}.norm\2",
            rf"{ours}/attn/(q|kv|sr|norm|proj)": rf"{theirs}.attn.\2",
            rf"{ours}/mlp/(fc1|dwconv|fc2)": rf"{theirs}.mlp.\2",
            f"norm{stage + 1}": f"stages.{stage}.norm",
        }
    return Rules(modules, classes="head.weight")
