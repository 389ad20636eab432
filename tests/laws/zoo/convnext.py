"""ConvNeXt."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "convnext_tiny",
        (16, 16, 3),
        (("stage_sizes", (1, 1)), ("widths", (8, 16))),
        pyramid=((24, 16, 3), ((6, 4, 8), (3, 2, 16))),
        too_small=(3, 3, 3),
        placeless=("post_act", "post_pool"),
        biasless="",
    ),
)
