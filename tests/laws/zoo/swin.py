"""Swin transformers."""

from __future__ import annotations

from tests.laws.zoo.small import CLOSING_NORM, Small

NETWORKS = (
    Small(
        "swin_t",
        (12, 8, 3),  # shifted windows of 4x4, padded rows, and a single window
        (("small_images", True), ("stage_sizes", (2, 1)), ("width", 8), ("head_width", 4)),
        pyramid=((20, 18, 3), ((10, 9, 8), (5, 5, 16))),
        too_small=(1, 4, 3),
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless=r"merge\d/reduction",
    ),
)
