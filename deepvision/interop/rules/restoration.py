"""Names of the networks for super-resolution and denoising, in the order in which their chains are numbered."""

from __future__ import annotations

from deepvision.interop.rules.base import Rules
from deepvision.models.dncnn import DnCNN
from deepvision.models.drunet import DRUNet
from deepvision.models.edsr import EDSR
from deepvision.models.partial_conv_unet import PartialConvUNet
from deepvision.models.rcan import RCAN
from deepvision.models.srcnn import FSRCNN, SRCNN
from deepvision.models.swinir import SwinIR
from deepvision.models.vdsr import VDSR


def dncnn(model: DnCNN) -> Rules:
    """github.com/SaoYan/DnCNN-PyTorch."""
    return _chain(model, "dncnn")


def kair(model: DnCNN) -> Rules:
    """github.com/cszn/KAIR."""
    return _chain(model, "model")


def _chain(model: DnCNN, sequence: str) -> Rules:
    """One sequence of convolutions, norms and activations."""
    modules = {"conv1/conv": f"{sequence}.0"}
    step = 2 if model.layers.norm.name == "none" else 3
    for index in range(2, model.depth):
        place = 2 + step * (index - 2)
        modules[f"conv{index}/conv"] = f"{sequence}.{place}"
        modules[f"conv{index}/norm"] = f"{sequence}.{place + 1}"
    last = f"{sequence}.{2 + step * (model.depth - 2)}"
    classes = f"{last}.weight" if model.cell == 1 else ""  # else it has several channels per channel of the image
    return Rules(modules | {"head": last}, classes=classes, biased=model.outer_bias)


def vdsr(model: VDSR) -> Rules:
    """Convolutions counted from 0."""
    modules = {f"conv{index}/conv": f"layers.{index - 1}" for index in range(1, model.depth)}
    last = f"layers.{model.depth - 1}"
    return Rules(modules | {"head": last}, classes=f"{last}.weight")


def srcnn(model: SRCNN) -> Rules:
    """Convolutions counted from 1."""
    return Rules({r"conv(\d)/conv": r"conv\1", "head": "conv3"}, classes="conv3.weight")


def fsrcnn(model: FSRCNN) -> Rules:
    """The parts by name; activations are counted from 0."""
    units = ("features", "shrink", *(f"map{index}" for index in range(1, model.depth + 1)), "expand")
    modules = {"features/conv": "feat", "shrink/conv": "shrink", "expand/conv": "expand", "head": "deconv"}
    modules |= {f"map{index}/conv": f"map.{index - 1}" for index in range(1, model.depth + 1)}
    slopes = {f"{unit}/act/negative_slope": f"act.{place}.weight" for place, unit in enumerate(units)}
    return Rules(modules, classes="deconv.bias", arrays=slopes, transposed=("head",))


def edsr(model: EDSR) -> Rules:
    """The parts by name, units and enlargements counted from 0."""
    modules = {
        "conv1": "head",
        r"block(\d+)/conv(\d)/conv": r"body.\1.conv\2",
        "conv2/conv": "body_end",
        **{f"enlarge/conv{step}": f"up.{step - 1}" for step in range(1, model.scale)},
        "head": "tail",
    }
    return Rules(modules, classes="tail.weight")


def rcan(model: RCAN) -> Rules:
    """github.com/yulunzhang/RCAN: everything counted from 0 within its sequence."""
    ours, theirs = r"group(\d+)/block(\d+)", r"body.\1.body.\2.body"
    modules = {
        "conv1": "head.0",
        f"{ours}/conv1/conv": f"{theirs}.0",
        f"{ours}/conv2/conv": f"{theirs}.2",
        f"{ours}/attention/reduce/dense": f"{theirs}.3.conv_du.0",
        f"{ours}/attention/expand": f"{theirs}.3.conv_du.2",
        r"group(\d+)/conv/conv": rf"body.\1.body.{model.depth}",
        "conv2/conv": f"body.{model.groups}",
        **{f"enlarge/conv{step}": f"tail.0.{2 * (step - 1)}" for step in range(1, model.scale)},
        "head": "tail.1",
    }
    spatial = {".*/attention/(reduce/dense|expand)": 2}
    return Rules(modules, classes="tail.1.weight", spatial=spatial, ignored=(r"(sub|add)_mean\..*",))


def drunet(model: DRUNet) -> Rules:
    """github.com/cszn/KAIR: levels counted from 1, units from 0; what leads to a level stands among its units."""
    modules = {"conv1": "m_head", "head": "m_tail"}
    for level in range(1, len(model.widths) + 1):
        down = "m_body" if level == len(model.widths) else f"m_down{level}"
        for index in range(1, model.depth + 1):
            for conv in (1, 2):
                step = f"res.{2 * (conv - 1)}"
                modules[f"contract{level}_{index}/conv{conv}/conv"] = f"{down}.{index - 1}.{step}"
                modules[f"expand{level}_{index}/conv{conv}/conv"] = f"m_up{level}.{index}.{step}"
        modules[f"down{level}"] = f"m_down{level}.{model.depth}"
        modules[f"up{level}"] = f"m_up{level}.0"
    return Rules(modules, classes="m_tail.weight", transposed=(r"up\d+",))


def swinir(model: SwinIR) -> Rules:
    """github.com/JingyunLiang/SwinIR: groups and blocks counted from 0."""
    ours, theirs = r"group(\d+)/block(\d+)", r"layers.\1.residual_group.blocks.\2"
    modules = {
        "conv1": "conv_first",
        "patch_norm": "patch_embed.norm",
        rf"{ours}/norm(\d)": rf"{theirs}.norm\3",
        rf"{ours}/attn/(qkv|proj)": rf"{theirs}.attn.\3",
        rf"{ours}/mlp/(fc\d)(/dense)?": rf"{theirs}.mlp.\3",
        r"group(\d+)/conv": r"layers.\1.conv",
        "norm": "norm",
        "conv2": "conv_after_body",
        "head/conv1": "upsample.0",
    }
    arrays = {rf"{ours}/attn/relative_positions": rf"{theirs}.attn.relative_position_bias_table"}
    return Rules(modules, classes="", arrays=arrays, ignored=(r".*relative_position_index", r".*attn_mask"))


def partial_conv_unet(model: PartialConvUNet) -> Rules:
    """github.com/naoto0804/pytorch-inpainting-with-partial-conv: the way up counts the level that it leads to."""
    modules = {"head": "dec_1.conv.conv2d", "head/conv": "dec_1.conv.conv2d"}
    for level in range(1, len(model.widths) + 1):
        for ours, theirs in ((f"down{level}", f"enc_{level}"), (f"up{level}", f"dec_{level + 1}")):
            modules |= {ours: f"{theirs}.conv.conv2d", f"{ours}/conv": f"{theirs}.conv.conv2d"}
            modules[f"{ours}/norm"] = f"{theirs}.bn"
    return Rules(modules, classes="dec_1.conv.conv2d.bias", biased=True, ignored=(r".*\.mask2d\..*",))
