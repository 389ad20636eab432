"""The multilayer perceptron."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "mlp",
        (8, 8, 1),
        (("hidden", (32, 32)),),
        pyramid=((8, 8, 1), ((32,), (32,))),
        refusals=(("attention", r"needs (positions|images).*, got shape \(1, 32\)"),),
    ),
)
