"""The network of the speed run."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "airbench94",
        (24, 24, 3),
        (("widths", (8, 16, 16)),),
        pyramid=((28, 24, 3), ((13, 11, 8), (6, 5, 16), (3, 2, 16))),
        too_small=(8, 8, 3),
        linear_maps="head",
    ),
)
