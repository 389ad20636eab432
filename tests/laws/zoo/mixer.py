"""MLP-Mixer."""

from __future__ import annotations

from tests.laws.zoo.small import CLOSING_NORM, TOKENS, Small

NETWORKS = (
    Small(
        "mixer_s16_224",
        (8, 8, 3),
        (("small_images", True), ("depth", 1), ("width", 8)),
        pyramid=((12, 8, 3), ((3, 2, 8),)),
        too_small=(3, 3, 3),
        refusals=TOKENS,
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
)
