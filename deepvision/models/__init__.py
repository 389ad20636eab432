"""The zoo: one file per family, one line per family here."""

from __future__ import annotations

import dataclasses
import fnmatch
import math
from collections.abc import Mapping
from typing import Any

from deepvision.choices import Choice
from deepvision.errors import UserError, unknown
from deepvision.models.adain_decoder import ADAIN_DECODERS
from deepvision.models.airbench import AIRBENCHES
from deepvision.models.alexnet import ALEXNETS
from deepvision.models.bn_inception import BN_INCEPTIONS
from deepvision.models.coatnet import COATNETS
from deepvision.models.convnext import CONVNEXTS
from deepvision.models.deeplab import DEEPLABS
from deepvision.models.densenet import DENSENETS
from deepvision.models.describe import Description, describe
from deepvision.models.dncnn import DNCNNS
from deepvision.models.drunet import DRUNETS
from deepvision.models.edsr import EDSRS
from deepvision.models.efficientnet import EFFICIENTNETS
from deepvision.models.encoder_unet import ENCODER_UNETS
from deepvision.models.fcn import FCNS
from deepvision.models.fcn8s import FCN8S
from deepvision.models.ffdnet import FFDNETS
from deepvision.models.googlenet import GOOGLENETS
from deepvision.models.inception_resnet_v2 import INCEPTION_RESNETS
from deepvision.models.inception_v3 import INCEPTIONS_V3
from deepvision.models.inception_v4 import INCEPTIONS_V4
from deepvision.models.learn_to_pay_attention import ATTENTION_VGGS
from deepvision.models.lenet import LENETS
from deepvision.models.lenet1 import LENETS_1989
from deepvision.models.mixer import MIXERS
from deepvision.models.mlp import MLPS
from deepvision.models.mnasnet import MNASNETS
from deepvision.models.mobilenet import MOBILENETS
from deepvision.models.mobilenet_v3 import MOBILENETS_V3
from deepvision.models.neocognitron import NEOCOGNITRONS
from deepvision.models.network import Network
from deepvision.models.partial_conv_unet import PARTIAL_CONV_UNETS
from deepvision.models.preact_resnet import PREACT_RESNETS
from deepvision.models.published import PUBLISHED
from deepvision.models.pvt import PVTS
from deepvision.models.rcan import RCANS
from deepvision.models.regnet import REGNETS
from deepvision.models.resnet import RESNETS
from deepvision.models.resnext import RESNEXTS
from deepvision.models.segnet import SEGNETS
from deepvision.models.senet import SENETS
from deepvision.models.shufflenet import SHUFFLENETS
from deepvision.models.squeezenet import SQUEEZENETS
from deepvision.models.srcnn import SRCNNS
from deepvision.models.swin import SWINS
from deepvision.models.swinir import SWINIRS
from deepvision.models.transform_net import TRANSFORM_NETS
from deepvision.models.unet import UNETS
from deepvision.models.vdsr import VDSRS
from deepvision.models.vgg import VGGS
from deepvision.models.vit import VITS
from deepvision.models.wide_resnet import WIDE_RESNETS
from deepvision.models.xception import XCEPTIONS
from deepvision.models.zfnet import ZFNETS

__all__ = ["ALIASES", "MODELS", "PUBLISHED", "Description", "Network", "create_model", "describe", "list_models"]

MODELS = {
    **MLPS,
    **NEOCOGNITRONS,
    **LENETS_1989,
    **LENETS,
    **ALEXNETS,
    **ZFNETS,
    **VGGS,
    **AIRBENCHES,
    **ATTENTION_VGGS,
    **GOOGLENETS,
    **BN_INCEPTIONS,
    **INCEPTIONS_V3,
    **INCEPTIONS_V4,
    **INCEPTION_RESNETS,
    **XCEPTIONS,
    **RESNETS,
    **PREACT_RESNETS,
    **WIDE_RESNETS,
    **RESNEXTS,
    **SENETS,
    **DENSENETS,
    **MOBILENETS,
    **MOBILENETS_V3,
    **MNASNETS,
    **EFFICIENTNETS,
    **REGNETS,
    **SHUFFLENETS,
    **SQUEEZENETS,
    **CONVNEXTS,
    **VITS,
    **SWINS,
    **PVTS,
    **MIXERS,
    **COATNETS,
    **FCNS,
    **DEEPLABS,
    **UNETS,
    **ENCODER_UNETS,
    **FCN8S,
    **SEGNETS,
    **DNCNNS,
    **FFDNETS,
    **DRUNETS,
    **SRCNNS,
    **VDSRS,
    **EDSRS,
    **RCANS,
    **SWINIRS,
    **PARTIAL_CONV_UNETS,
    **TRANSFORM_NETS,
    **ADAIN_DECODERS,
}


ALIASES = {  # other libraries' names of the same networks
    "legacy_xception": "xception",
    "mnasnet_100": "mnasnet1_0",
    "mobilenetv1_100": "mobilenet_v1",
    "mobilenetv2_100": "mobilenet_v2",
    "regnety_004": "regnet_y_400mf",
    "regnety_008": "regnet_y_800mf",
    "regnety_016": "regnet_y_1_6gf",
    "regnety_032": "regnet_y_3_2gf",
    "regnety_080": "regnet_y_8gf",
    "regnety_160": "regnet_y_16gf",
    "vit_base_patch32_224": "vit_b_32",
}


def list_models(pattern: str = "*") -> list[str]:
    """Returns the names of the networks that match a shell wildcard, sorted."""
    return sorted(fnmatch.filter(MODELS, pattern))


def create_model(
    name: str,
    num_classes: int | None = None,
    *,
    norm: Choice | str | Mapping | None = None,
    act: Choice | str | Mapping | None = None,
    kernel: Choice | str | Mapping | None = None,
    attention: Choice | str | Mapping | None = None,
    pool: Choice | str | Mapping | None = None,
    global_pool: Choice | str | Mapping | None = None,
    placement: str | None = None,
    dropout: Choice | str | Mapping | float | None = None,
    input_dropout: Choice | str | Mapping | float | None = None,
    drop_path: Choice | str | Mapping | float | None = None,
    init: str | None = None,
    remat: bool | None = None,
    scan_blocks: bool | None = None,
    dtype: str | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Network:
    """Makes a network of the zoo with the given layers in place of its paper's.

    Args:
        name: one of `list_models()`, or of `ALIASES`.
        num_classes: outputs; 0 for features; None: as in the paper.
        norm, act, kernel, attention, pool, global_pool, dropout, input_dropout, drop_path: choices: a name,
            "name(argument=value)", or a mapping with a name; None: as in the paper. See `Layers` for these and the
            others.
        overrides: fields of the architecture itself, such as {"width": 8}.

    Raises:
        UserError: an unknown name, argument or field; the message lists the valid ones and the nearest.
    """
    name = ALIASES.get(name, name)
    if name not in MODELS:
        raise unknown("model", name, MODELS)
    module = MODELS[name](**_overrides(name, MODELS[name](), overrides or {}))
    changes = dict(
        norm=norm,
        act=act,
        kernel=kernel,
        attention=attention,
        pool=pool,
        global_pool=global_pool,
        placement=placement,
        dropout=dropout,
        input_dropout=input_dropout,
        drop_path=drop_path,
        init=init,
        remat=remat,
        scan_blocks=scan_blocks,
        dtype=dtype,
    )
    fields = {"layers": module.layers.replace(changes)}
    if num_classes is not None:
        fields["num_classes"] = num_classes
    return module.clone(**fields)


def _overrides(name: str, module: Network, overrides: Mapping[str, Any]) -> dict[str, Any]:
    reserved = {"num_classes", "layers", "parent", "name"}
    valid = [field.name for field in dataclasses.fields(module) if field.name not in reserved]
    for field, value in overrides.items():
        if field not in valid:
            raise unknown(f"field of model {name!r} in overrides:", field, valid)
        if callable(getattr(module, field)):
            raise UserError(f"field {field!r} of model {name!r} is code and cannot be overridden by {value!r}")
    values = {field: tuple(value) if isinstance(value, list) else value for field, value in overrides.items()}
    for field, value in values.items():
        if not _is_like(value, getattr(module, field)):
            raise UserError(f"field {field!r} of model {name!r} is {getattr(module, field)!r}, cannot be {value!r}")
    return values


def _is_like(value: Any, default: Any) -> bool:
    """Whether a value is of the kind of another: a number that is not negative, text, or a tuple of what is in it."""
    match default:
        case bool() | str():
            return isinstance(value, type(default))
        case int() | float():
            whole = isinstance(value, int) or isinstance(default, float) and isinstance(value, float)
            return whole and not isinstance(value, bool) and 0 <= value < math.inf
        case (_, *_):
            return isinstance(value, tuple) and all(any(_is_like(v, d) for d in default) for v in value)
    return True
