"""Names of the Swin transformers in torchvision and timm."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.swin import Swin


def torchvision(model: Swin) -> Rules:
    """torchvision numbers the stages and the mergings between them as one sequence."""
    modules = {"patch_embed": "features.0.0", "patch_norm": "features.0.2", "norm": "norm", "head/dense": "head"}
    arrays = {}
    for stage in range(len(model.stage_sizes)):
        ours, theirs = rf"layer{stage + 1}_(\d+)", rf"features.{2 * stage + 1}.\1"
        modules |= {
            rf"{ours}/norm(\d)": rf"{theirs}.norm\2",
            rf"{ours}/attn/(qkv|proj)": rf"{theirs}.attn.\2",
            rf"{ours}/mlp/fc1/dense": rf"{theirs}.mlp.0",
            rf"{ours}/mlp/fc2": rf"{theirs}.mlp.3",
            rf"merge{stage}/(norm|reduction)": rf"features.{2 * stage}.\1",
        }
        arrays[f"{ours}/attn/relative_positions"] = rf"{theirs}.attn.relative_position_bias_table"
    return Rules(modules, "head.weight", arrays=arrays, ignored=(r".*relative_position_index",))


def timm(model: Swin) -> Rules:
    """timm."""
    modules = {
        "patch_embed": "patch_embed.proj",
        "patch_norm": "patch_embed.norm",
        r"merge(\d)/(norm|reduction)": r"layers.\1.downsample.\2",
        "norm": "norm",
        "head/dense": "head.fc",
    }
    arrays = {}
    for stage in range(len(model.stage_sizes)):
        ours, theirs = rf"layer{stage + 1}_(\d+)", rf"layers.{stage}.blocks.\1"
        modules |= {
            rf"{ours}/norm(\d)": rf"{theirs}.norm\2",
            rf"{ours}/attn/(qkv|proj)": rf"{theirs}.attn.\2",
            rf"{ours}/mlp/(fc\d)(/dense)?": rf"{theirs}.mlp.\2",
        }
        arrays[f"{ours}/attn/relative_positions"] = rf"{theirs}.attn.relative_position_bias_table"
    ignored = (r".*relative_position_index", r".*attn_mask")
    return Rules(modules, "head.fc.weight", arrays=arrays, ignored=ignored)
