"""Normalizations of activations. One protocol for all: a module `(x, train) -> x` for any rank, channels last.

The first axis of `x` holds the examples, the last the channels, the ones between (none, tokens, or height and width)
are positions. Statistics and the affine map are computed in float32 at least; the result has the type of `x`.
"""

from deepvision.layers.norms.base import Norm
from deepvision.layers.norms.batch import BatchNorm, BatchRenorm, BatchStatistics, SwitchableNorm
from deepvision.layers.norms.channels import L2Norm, LayerNorm, RMSNorm
from deepvision.layers.norms.elementwise import Affine, DynamicTanh, NoNorm
from deepvision.layers.norms.evonorm import EvoNormB0, EvoNormS0
from deepvision.layers.norms.local import (
    LocalContrastNorm,
    LocalContrastNormWithin,
    LocalResponseNorm,
    LocalResponseNormWithin,
)
from deepvision.layers.norms.positions import (
    FilterResponseNorm,
    GlobalResponseNorm,
    GroupNorm,
    InstanceNorm,
    LayerNormHWC,
)

NORMS = {
    norm.word: norm
    for norm in (
        NoNorm,
        Affine,
        DynamicTanh,
        BatchNorm,
        BatchRenorm,
        SwitchableNorm,
        LayerNorm,
        LayerNormHWC,
        GroupNorm,
        InstanceNorm,
        RMSNorm,
        L2Norm,
        LocalResponseNorm,
        LocalResponseNormWithin,
        LocalContrastNorm,
        LocalContrastNormWithin,
        FilterResponseNorm,
        GlobalResponseNorm,
        EvoNormB0,
        EvoNormS0,
    )
}

__all__ = [
    "NORMS",
    "Affine",
    "BatchNorm",
    "BatchRenorm",
    "BatchStatistics",
    "DynamicTanh",
    "EvoNormB0",
    "EvoNormS0",
    "FilterResponseNorm",
    "GlobalResponseNorm",
    "GroupNorm",
    "InstanceNorm",
    "L2Norm",
    "LayerNorm",
    "LayerNormHWC",
    "LocalContrastNorm",
    "LocalContrastNormWithin",
    "LocalResponseNorm",
    "LocalResponseNormWithin",
    "NoNorm",
    "Norm",
    "RMSNorm",
    "SwitchableNorm",
]
