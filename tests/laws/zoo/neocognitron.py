"""The neocognitron."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "neocognitron",
        (16, 16, 1),
        (("planes", 8),),
        pyramid=((28, 20, 1), ((16, 12, 8), (9, 7, 8), (2, 1, 8))),
        too_small=(8, 8, 1),
        linear_maps=r"stage\d/conv",
        nonlinear="shunting inhibition and saturation",
    ),
)
