"""AlexNet."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "alexnet",
        (67, 67, 3),
        (("widths", (8, 8, 8, 8, 8)), ("groups", 2), ("hidden", 16)),
        pyramid=((95, 67, 3), ((11, 7, 8), (5, 3, 8), (2, 1, 8))),
        too_small=(31, 31, 3),
        lrn_sites=("conv1/norm", "conv2/norm"),
    ),
)
