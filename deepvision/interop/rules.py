"""What the layers of our networks are called elsewhere: one function per family, one line each in `RULES`.

A rule maps the path of one of our modules, a regular expression, to the name of theirs, a template:

    r"layer(\\d)_(\\d+)/conv(\\d)/norm": r"layer\\1.\\2.bn\\3"

What the parameters are called inside a module, and how the axes of kernels are ordered, is the same for all of them and
stands in `convert`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

from deepvision.models.lenet import C3_CONNECTIONS, LeNet5, LeNet5Modern
from deepvision.models.mlp import MLP
from deepvision.models.network import Network
from deepvision.models.resnet import ResNet
from deepvision.models.vgg import VGG
from deepvision.models.vit import ViT


@dataclasses.dataclass(frozen=True)
class Rules:
    """How one network's variables are named elsewhere.

    Attributes:
        modules: path of our module (regular expression, to match in whole) -> name of theirs (template), or several
            names, whose arrays follow each other along the outputs in ours. The first that matches counts.
        arrays: path of our variable -> name of their array, of the same shape, for what belongs to no layer.
        flattened: path of our dense layer behind a flattened image -> the channels of that image.
        classes: name of their array whose first axis counts the classes.
        biased: their convolutions own a bias in front of norms, where ours own none.
        norm_follows: the norm of a unit stands behind its convolution, so that a bias can be folded into its mean.
    """

    modules: Mapping[str, str | tuple[str, ...]]
    classes: str
    arrays: Mapping[str, str] = dataclasses.field(default_factory=dict)
    flattened: Mapping[str, int] = dataclasses.field(default_factory=dict)
    biased: bool = False
    norm_follows: bool = True


def _mlp(model: MLP) -> Rules:
    modules = {r"fc(\d+)/dense": r"fc\1", "head": "head"}
    channels = {"fc1/dense": model.image_shape[-1]} if model.hidden else {"head": model.image_shape[-1]}
    return Rules(modules, classes="head.weight", flattened=channels)


def _lenet5(model: LeNet5) -> Rules:
    maps = range(len(C3_CONNECTIONS))
    seeing = {size: tuple(f"c3.{i}" for i in maps if len(C3_CONNECTIONS[i]) == size) for size in (3, 4, 6)}
    modules = {
        r"c([15])/conv": r"c\1",
        "c1/pool": "s2",
        **{f"c3/conv/inputs{size}": names for size, names in seeing.items()},
        "c3/conv": tuple(f"c3.{i}" for i in maps),
        "c3/pool": "s4",
        "f6/dense": "f6",
    }
    return Rules(modules, classes="rbf_codes", arrays={"output/codes": "rbf_codes"})


def _lenet5_modern(model: LeNet5Modern) -> Rules:
    modules = {r"conv(\d)/conv": r"conv\1", r"fc(\d)/dense": r"fc\1", "head": "fc3"}
    return Rules(modules, classes="fc3.weight", flattened={"fc1/dense": 16})


def _vgg(model: VGG) -> Rules:
    """torchvision numbers the layers of its `features`: convolution, norm if there is one, activation, pooling."""
    modules, index = {}, 0
    norm, lrn = (model.layers.norm.name == kind for kind in ("batch", "lrn"))
    for stage, convolutions in enumerate(model.stage_sizes, start=1):
        for convolution in range(1, convolutions + 1):
            modules[f"conv{stage}_{convolution}/conv"] = f"features.{index}"
            modules[f"conv{stage}_{convolution}/norm"] = f"features.{index + 1}"
            index += 3 if norm or lrn and stage == convolution == 1 else 2
        index += 1
    modules |= {"fc1/dense": "classifier.0", "fc2/dense": "classifier.3", "head": "classifier.6"}
    channels = model.width * min(2 ** (len(model.stage_sizes) - 1), 8)
    return Rules(modules, classes="classifier.6.weight", flattened={"fc1/dense": channels}, biased=True)


def _resnet(model: ResNet) -> Rules:
    """torchvision; the forms for small images as in github.com/akamaster/pytorch_resnet_cifar10."""
    head = "linear" if model.small_images else "fc"
    modules = {
        "conv1/conv": "conv1",
        "conv1/norm": "bn1",
        r"layer(\d)_(\d+)/conv(\d)/conv": r"layer\1.\2.conv\3",
        r"layer(\d)_(\d+)/conv(\d)/norm": r"layer\1.\2.bn\3",
        r"layer(\d)_(\d+)/shortcut/conv": r"layer\1.\2.downsample.0",
        r"layer(\d)_(\d+)/shortcut/norm": r"layer\1.\2.downsample.1",
        "head/dense": head,
    }
    return Rules(modules, classes=f"{head}.weight")


def _vit(model: ViT) -> Rules:
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


RULES: dict[type[Network], Callable[[Network], Rules]] = {
    MLP: _mlp,
    LeNet5: _lenet5,
    LeNet5Modern: _lenet5_modern,
    VGG: _vgg,
    ResNet: _resnet,
    ViT: _vit,
}


def rules_of(model: Network) -> Rules | None:
    """Returns the rules of a network, or None where there are none."""
    return RULES[type(model)](model) if type(model) in RULES else None
