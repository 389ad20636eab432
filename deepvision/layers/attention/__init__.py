"""Channel and spatial attention blocks: a module `x -> x` of the same shape, put behind a branch or a stage.

Their own kernels, norms and activations come from the same `Layers` as the rest of the network. The gate or softmax
that defines them is no site.
"""

from __future__ import annotations

from deepvision.layers.attention.base import AttentionBlock, NoAttention
from deepvision.layers.attention.channel import EfficientChannelAttention, GatherExcite, SqueezeExcite
from deepvision.layers.attention.spatial import (
    ConcurrentSqueezeExcite,
    ConvolutionalBlockAttention,
    NonLocal,
    SoftAttention,
    SpatialSqueezeExcite,
)

__all__ = ["ATTENTIONS", "AttentionBlock"]

ATTENTIONS = {
    "none": NoAttention,
    "se": SqueezeExcite,
    "sse": SpatialSqueezeExcite,
    "scse": ConcurrentSqueezeExcite,
    "eca": EfficientChannelAttention,
    "cbam": ConvolutionalBlockAttention,
    "gather_excite": GatherExcite,
    "spatial": SoftAttention,
    "non_local": NonLocal,
}
