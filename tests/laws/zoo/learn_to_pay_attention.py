"""VGG with attention over positions."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "vgg_att3",
        (16, 16, 3),
        (("stage_sizes", (1, 1, 2)), ("width", 8), ("attended", 2)),
        pyramid=((20, 16, 3), ((20, 16, 8), (20, 16, 16), (20, 16, 32))),
        too_small=(4, 4, 3),
        linear_maps=r"attention\d/(project|score)",
    ),
)
