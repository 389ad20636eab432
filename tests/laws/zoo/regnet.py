"""RegNets."""

from __future__ import annotations

from tests.laws.zoo.small import RESIDUAL, SHORTCUTS, Small

NETWORKS = (
    Small(
        "regnet_y_400mf",
        (32, 32, 3),
        (("blocks", 3), ("initial", 8), ("slope", 4.0), ("ratio", 2.0), ("group_width", 4), ("stem", 8)),
        pyramid=((32, 48, 3), ((8, 12, 8), (4, 6, 16))),
        refusals=RESIDUAL,
        lost_norms=SHORTCUTS,
    ),
)
