"""Vision transformers."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "vit_micro_patch4_32",
        (8, 8, 3),
        (("depth", 1), ("width", 32)),
        pyramid=((12, 8, 3), ((3, 2, 32),)),
        too_small=(3, 3, 3),
        refusals=(("attention", r"needs images \[n, h, w, c\], got shape \(1, 5, 32\)"),),
        placeless=("post_act", "post_pool"),
        lost_norms=(("post", "norm"),),  # every sum is normalized, and so is what leaves the last
    ),
)
