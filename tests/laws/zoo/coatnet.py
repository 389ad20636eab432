"""CoAtNet."""

from __future__ import annotations

from tests.laws.zoo.small import CLOSING_NORM, Small

NETWORKS = (
    Small(
        "coatnet_0",
        (16, 16, 3),
        (("small_images", True), ("stage_sizes", (2, 2, 1, 1)), ("widths", (8, 8, 8, 8)), ("head_width", 4)),
        pyramid=((32, 18, 3), ((32, 18, 8), (16, 9, 8), (8, 5, 8), (4, 3, 8))),
        refusals=(("act", "a depthwise convolution behind it has as many channels"),),
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
)
