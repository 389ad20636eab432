"""Residual networks and their plain counterparts."""

from __future__ import annotations

from tests.laws.zoo.small import RESIDUAL, SHORTCUTS, Small

NETWORKS = (
    Small(
        "cifar_resnet20",
        (16, 16, 3),
        (("stage_sizes", (1, 1)), ("width", 32)),
        pyramid=((20, 16, 3), ((20, 16, 32), (10, 8, 64))),
        refusals=RESIDUAL,
        lost_norms=SHORTCUTS,
    ),
    Small(
        "cifar_plain20",
        (16, 16, 3),
        (("stage_sizes", (1, 1)), ("width", 8)),
        pyramid=((20, 16, 3), ((20, 16, 8), (10, 8, 16))),
    ),
    Small(
        "resnet50",
        (64, 64, 3),
        (("stage_sizes", (1, 1)), ("width", 8)),
        pyramid=((64, 96, 3), ((16, 24, 32), (8, 12, 64))),
        refusals=RESIDUAL,
        lost_norms=SHORTCUTS,
    ),
    Small(
        "cifar_wrn16_4",
        (16, 16, 3),
        (("stage_sizes", (1, 1)), ("width", 8), ("stem_width", 4)),
        pyramid=((20, 16, 3), ((20, 16, 8), (10, 8, 16))),
    ),
    Small(
        "legacy_senet154",
        (64, 64, 3),
        (("stage_sizes", (1, 1)), ("width", 8), ("groups", 2), ("group_width", 32)),
        pyramid=((64, 96, 3), ((16, 24, 32), (8, 12, 64))),
        refusals=RESIDUAL,
        lost_norms=SHORTCUTS,
    ),
)
