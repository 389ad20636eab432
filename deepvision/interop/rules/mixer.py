"""Names of MLP-Mixer in timm."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.mixer import Mixer


def timm(model: Mixer) -> Rules:
    """timm."""
    modules = {
        "patch_embed": "stem.proj",
        r"block(\d+)/norm(\d)": r"blocks.\1.norm\2",
        r"block(\d+)/(mlp_\w+)/(fc\d)(/dense)?": r"blocks.\1.\2.\3",
        "norm": "norm",
        "head/dense": "head",
    }
    return Rules(modules, classes="head.weight")
