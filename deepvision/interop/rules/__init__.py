"""What the layers of our networks are called elsewhere: one file per family, one line per network in `RULES`.

A network may be known by the names of several libraries; each is a function from the network to its `Rules`.
"""

from __future__ import annotations

from collections.abc import Callable

from deepvision.interop.rules import alexnet, densenet, googlenet, lenet, mlp, mobilenet, resnet, vgg, vit
from deepvision.interop.rules.base import Rules
from deepvision.models.alexnet import AlexNet
from deepvision.models.densenet import DenseNet
from deepvision.models.googlenet import GoogLeNet, GoogLeNetBN
from deepvision.models.lenet import LeNet5, LeNet5Modern
from deepvision.models.mlp import MLP
from deepvision.models.mobilenet import MobileNetV1, MobileNetV2
from deepvision.models.network import Network
from deepvision.models.resnet import ResNet
from deepvision.models.vgg import VGG
from deepvision.models.vit import DistilledViT, ViT
from deepvision.models.zfnet import ZFNet

__all__ = ["Rules", "rules_of"]

RULES: dict[type[Network], tuple[Callable[..., Rules], ...]] = {
    MLP: (mlp.mlp,),
    LeNet5: (lenet.lenet5,),
    LeNet5Modern: (lenet.lenet5_modern,),
    AlexNet: (alexnet.alexnet,),
    ZFNet: (alexnet.alexnet,),
    VGG: (vgg.vgg,),
    GoogLeNet: (googlenet.googlenet_2014,),
    GoogLeNetBN: (googlenet.googlenet,),
    ResNet: (resnet.resnet, resnet.timm),
    DenseNet: (densenet.densenet,),
    DistilledViT: (vit.timm,),
    MobileNetV1: (mobilenet.timm_v1,),
    MobileNetV2: (mobilenet.torchvision_v2,),
    ViT: (vit.timm, vit.torchvision, vit.torchvision_files),
}


def rules_of(model: Network) -> tuple[Rules, ...]:
    """Returns the rules of a network, the library that `save_weights` writes for first; none where none are known."""
    return tuple(rules(model) for rules in RULES.get(type(model), ()))
