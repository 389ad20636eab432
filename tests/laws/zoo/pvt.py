"""Pyramid vision transformers."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "pvt_v2_b0",
        (16, 16, 3),
        (("small_images", True), ("stage_sizes", (1, 1)), ("widths", (8, 8))),
        pyramid=((16, 9, 3), ((16, 9, 8), (8, 5, 8))),
        too_small=(4, 4, 3),
        placeless=("post_act", "post_pool"),
        lost_norms=(("post", r"norm\d"),),  # every sum is normalized, and so is what leaves a stage
        biasless="",
    ),
)
