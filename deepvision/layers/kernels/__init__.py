"""Weight parameterizations: how a convolution or dense layer reads its kernel from what it learns.

A kernel has the shape [..., inputs, outputs]; what produces one output, all axes but the last, is called its filter.
An entry is a frozen dataclass, called by the layer that owns the parameters:

    kernel = parameterization(module, name, shape, init, train)

The learned array v always lies under `name` and starts with the same values, whatever the parameterization. Vectors
that are not learned by gradients lie in the collection `batch_stats`, so that no trainer needs to know of them.
"""

from __future__ import annotations

from deepvision.layers.kernels.base import Parameterization, Plain
from deepvision.layers.kernels.normalized import CenteredWeightNorm, L2Normalized, WeightNorm
from deepvision.layers.kernels.singular import Orthogonal, SpectralNorm
from deepvision.layers.kernels.standardized import ScaledWeightStandardization, WeightStandardization

__all__ = ["KERNELS", "Parameterization"]

KERNELS = {
    "plain": Plain,
    "weight_norm": WeightNorm,
    "centered_weight_norm": CenteredWeightNorm,
    "weight_standardization": WeightStandardization,
    "scaled_weight_standardization": ScaledWeightStandardization,
    "spectral_norm": SpectralNorm,
    "orthogonal": Orthogonal,
    "l2_normalized": L2Normalized,
}
