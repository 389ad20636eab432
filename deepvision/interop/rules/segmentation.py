"""Names of the networks for segmentation: torchvision's, and those of our own for U-Net."""

from __future__ import annotations

import dataclasses

from deepvision.interop.rules.base import Rules
from deepvision.interop.rules.resnet import BACKBONE
from deepvision.models.deeplab import DeepLabV3
from deepvision.models.encoder_unet import EncoderUNet
from deepvision.models.fcn import FCN
from deepvision.models.fcn8s import FCN8s
from deepvision.models.segnet import SegNet
from deepvision.models.unet import UNet

_BACKBONE = {f"backbone/{ours}": f"backbone.{theirs}" for ours, theirs in BACKBONE.items()}
_AUXILIARY = (r"aux_classifier\..*",)  # a second classifier, for training alone


def fcn(model: FCN) -> Rules:
    """torchvision."""
    modules = {
        **_BACKBONE,
        "conv1/conv": "classifier.0",
        "conv1/norm": "classifier.1",
        "head": "classifier.4",
    }
    return Rules(modules, classes="classifier.4.weight", ignored=_AUXILIARY)


def deeplab(model: DeepLabV3) -> Rules:
    """torchvision; among the convolutions of the pyramid, that of the mean comes last."""
    image = f"classifier.0.convs.{len(model.rates) + 1}"
    modules = {
        **_BACKBONE,
        r"pyramid/branch(\d)/conv": r"classifier.0.convs.\1.0",
        r"pyramid/branch(\d)/norm": r"classifier.0.convs.\1.1",
        "pyramid/image/conv": f"{image}.1",
        "pyramid/image/norm": f"{image}.2",
        "pyramid/project/conv": "classifier.0.project.0",
        "pyramid/project/norm": "classifier.0.project.1",
        "conv1/conv": "classifier.1",
        "conv1/norm": "classifier.2",
        "head": "classifier.4",
    }
    return Rules(modules, classes="classifier.4.weight", ignored=_AUXILIARY)


def unet(model: UNet) -> Rules:
    """Levels counted from 0, on the way up from the lowest; within a level, convolutions and activations."""
    modules = {"head": "out"}
    for level in range(1, model.depth + 2):
        for index in (1, 2):
            modules[f"contract{level}_{index}/conv"] = f"down.{level - 1}.{2 * (index - 1)}"
            modules[f"expand{level}_{index}/conv"] = f"conv.{model.depth - level}.{2 * (index - 1)}"
        modules[f"up{level}"] = f"up.{model.depth - level}"
    return Rules(modules, classes="out.weight", transposed=(r"up\d+",))


def encoder_unet(model: EncoderUNet) -> Rules:
    """The encoder's names behind "encoder.", and our own for the expansive path."""
    from deepvision.interop.rules import rules_of  # which knows this file

    found = rules_of(model.paper_encoder)
    rules = _within(found[0] if found else Rules({}, classes=""), "encoder")
    ours = {r"expand(\d+)_(\d)/(conv|norm)": r"decoder.\1.\2.\3", "head": "head"}
    return dataclasses.replace(rules, modules=rules.modules | ours, classes="head.weight")


def fcn8s(model: FCN8s) -> Rules:
    """The authors', as github.com/wkentaro/pytorch-fcn has them."""
    modules = {
        r"backbone/(conv\d_\d)/conv": r"\1",
        r"(fc\d)/conv": r"\1",
        "head": "score_fr",
        r"score(\d)": r"score_pool\1",
        "enlarge5": "upscore2",
        "enlarge4": "upscore_pool4",
        "enlarge3": "upscore8",
    }
    return Rules(modules, classes="score_fr.weight", transposed=(r"enlarge\d",))


def segnet(model: SegNet) -> Rules:
    """The authors' names of convolutions and norms, which count the way up as the way down does: backwards."""
    modules = {}
    for stage, size in enumerate(model.stage_sizes, start=1):
        for index in range(1, size + 1):
            down, up = f"conv{stage}_{index}", f"conv{stage}_{size + 1 - index}_D"
            modules |= {f"conv{stage}_{index}/conv": down, f"conv{stage}_{index}/norm": f"{down}_bn"}
            modules |= {f"deconv{stage}_{index}/conv": up, f"deconv{stage}_{index}/norm": f"{up}_bn"}
    return Rules(modules | {"head": "conv1_1_D"}, classes="conv1_1_D.weight", biased=True)


def _within(rules: Rules, name: str) -> Rules:
    """Returns the rules of a network that stands inside of another under a name, ours and theirs."""
    return dataclasses.replace(
        rules,
        modules={f"{name}/{ours}": _prefixed(theirs, name) for ours, theirs in rules.modules.items()},
        arrays={f"{name}/{ours}": _prefixed(theirs, name) for ours, theirs in rules.arrays.items()},
        flattened={f"{name}/{ours}": channels for ours, channels in rules.flattened.items()},
        spatial={f"{name}/{ours}": axes for ours, axes in rules.spatial.items()},
        transposed=tuple(f"{name}/{ours}" for ours in rules.transposed),
        ignored=tuple(rf"{name}\.(?:{theirs})" for theirs in rules.ignored),
    )


def _prefixed(theirs: str | tuple[str, ...], name: str) -> str | tuple[str, ...]:
    return f"{name}.{theirs}" if isinstance(theirs, str) else tuple(f"{name}.{one}" for one in theirs)
