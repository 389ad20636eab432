"""What the layers of our networks are called elsewhere: one file per family, one line per network in `RULES`.

A network may be known by the names of several libraries; each is a function from the network to its `Rules`.
"""

from __future__ import annotations

from collections.abc import Callable

from deepvision.interop.rules import lenet, mlp, resnet, vgg, vit
from deepvision.interop.rules.base import Rules
from deepvision.models.lenet import LeNet5, LeNet5Modern
from deepvision.models.mlp import MLP
from deepvision.models.network import Network
from deepvision.models.resnet import ResNet
from deepvision.models.vgg import VGG
from deepvision.models.vit import ViT

__all__ = ["Rules", "rules_of"]

RULES: dict[type[Network], tuple[Callable[..., Rules], ...]] = {
    MLP: (mlp.mlp,),
    LeNet5: (lenet.lenet5,),
    LeNet5Modern: (lenet.lenet5_modern,),
    VGG: (vgg.vgg,),
    ResNet: (resnet.resnet,),
    ViT: (vit.timm,),
}


def rules_of(model: Network) -> tuple[Rules, ...]:
    """Returns the rules of a network, the library that `save_weights` writes for first; none where none are known."""
    return tuple(rules(model) for rules in RULES.get(type(model), ()))
