"""The LeNets."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "lenet1",
        (16, 16, 1),
        pyramid=((20, 16, 1), ((10, 8, 12), (5, 4, 12))),
        refusals=(("act", "changes the width, and lenet1 connects"),),
    ),
    Small(
        "lenet5_1998",
        (32, 32, 1),
        pyramid=((40, 36, 1), ((18, 16, 6), (7, 6, 16), (3, 2, 120))),
        too_small=(28, 28, 1),
        refusals=(
            ("norm", r"at c5/norm: a single position \(1, 1, 1, 120\) has no variance"),
            ("act", "changes the width, and table I"),
        ),
        placeless=("pre",),
    ),
    Small("lenet5_modern", (32, 32, 1), pyramid=((28, 28, 1), ((12, 12, 6), (4, 4, 16))), too_small=(12, 12, 1)),
)
