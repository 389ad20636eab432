"""ZFNet."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "zfnet",
        (96, 96, 3),
        (("widths", (8, 8, 8, 8, 8)), ("hidden", 16)),
        pyramid=((96, 64, 3), ((23, 15, 8), (5, 3, 8), (2, 1, 8))),
        too_small=(32, 32, 3),
        lrn_sites=("conv1/norm", "conv2/norm"),
    ),
)
