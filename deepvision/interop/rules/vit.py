"""Names of the vision transformers in timm."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.vit import ViT


def timm(model: ViT) -> Rules:
    """timm."""
    modules = {
        "patch_embed": "patch_embed.proj",
        r"block(\d+)/norm(\d)": r"blocks.\1.norm\2",
        r"block(\d+)/attn/(qkv|proj)": r"blocks.\1.attn.\2",
        r"block(\d+)/mlp/(fc\d)(/dense)?": r"blocks.\1.mlp.\2",
        "norm": "norm",
        "head": "head",
    }
    return Rules(modules, classes="head.weight", arrays={"class_token": "cls_token", "positions": "pos_embed"})
