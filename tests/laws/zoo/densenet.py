"""Densely connected networks."""

from __future__ import annotations

from tests.laws.zoo.small import Small

# Under `pre` what leaves the last dense block is normalized and activated; elsewhere it is so already.
CLOSED = tuple((placement, "postact/.*") for placement in ("post", "post_act", "post_pool"))

NETWORKS = (
    Small(
        "densenet121",
        (64, 64, 3),
        (("stage_sizes", (1, 1)), ("growth", 8), ("width", 16)),
        pyramid=((64, 96, 3), ((16, 24, 24), (8, 12, 20))),
        lost_norms=CLOSED,
    ),
    Small(
        "cifar_densenet_40_12",
        (16, 16, 3),
        (("stage_sizes", (1, 1)), ("growth", 8), ("width", 8)),
        pyramid=((20, 16, 3), ((20, 16, 16), (10, 8, 24))),
        lost_norms=CLOSED,
    ),
)
