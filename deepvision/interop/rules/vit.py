"""Names of the vision transformers in timm and torchvision."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.vit import ViT


def timm(model: ViT) -> Rules:
    """timm; the second classifier of a distilled network follows the first."""
    modules = {
        "patch_embed": "patch_embed.proj",
        r"block(\d+)/norm(\d)": r"blocks.\1.norm\2",
        r"block(\d+)/attn/(qkv|proj)": r"blocks.\1.attn.\2",
        r"block(\d+)/mlp/(fc\d)(/dense)?": r"blocks.\1.mlp.\2",
        "norm": "norm",
        "head": "head",
        "distillation_head": "head_dist",
    }
    tokens = {"class_token": "cls_token", "distillation_token": "dist_token", "positions": "pos_embed"}
    return Rules(modules, classes="head.weight", arrays=tokens)


def torchvision(model: ViT) -> Rules:
    """torchvision, as its `state_dict` has it."""
    return _torchvision(r"\1.mlp.0", r"\1.mlp.3")


def torchvision_files(model: ViT) -> Rules:
    """torchvision, as the files of its weights have it: an earlier name of the perceptrons."""
    return _torchvision(r"\1.mlp.linear_1", r"\1.mlp.linear_2")


def _torchvision(fc1: str, fc2: str) -> Rules:
    block = "encoder.layers.encoder_layer_"
    modules = {
        "patch_embed": "conv_proj",
        r"block(\d+)/norm(\d)": rf"{block}\1.ln_\2",
        r"block(\d+)/attn/qkv": rf"{block}\1.self_attention.in_proj_",
        r"block(\d+)/attn/proj": rf"{block}\1.self_attention.out_proj",
        r"block(\d+)/mlp/fc1/dense": block + fc1,
        r"block(\d+)/mlp/fc2": block + fc2,
        "norm": "encoder.ln",
        "head": "heads.head",
    }
    arrays = {"class_token": "class_token", "positions": "encoder.pos_embedding"}
    return Rules(modules, classes="heads.head.weight", arrays=arrays)
