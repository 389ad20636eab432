"""Vision transformers."""

from __future__ import annotations

from tests.laws.zoo.small import CLOSING_NORM, TOKENS, Small

NETWORKS = (
    Small(
        "vit_micro_patch4_32",
        (8, 8, 3),
        (("depth", 1), ("width", 32)),
        pyramid=((12, 8, 3), ((3, 2, 32),)),
        too_small=(3, 3, 3),
        refusals=TOKENS,
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
    Small(
        "simple_vit_s16",
        (8, 8, 3),
        (("small_images", True), ("depth", 1), ("width", 8), ("heads", 2)),
        pyramid=((12, 8, 3), ((3, 2, 8),)),
        too_small=(3, 3, 3),
        refusals=TOKENS,
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
    Small(
        "deit_tiny_distilled_patch16_224",
        (8, 8, 3),
        (("small_images", True), ("depth", 1), ("width", 8), ("heads", 2)),
        pyramid=((12, 8, 3), ((3, 2, 8),)),
        too_small=(3, 3, 3),
        refusals=TOKENS,
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
)
