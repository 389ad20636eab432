"""Networks for small devices."""

from __future__ import annotations

from tests.laws.zoo.small import RESIDUAL, Small

# Why a network with depthwise convolutions refuses an activation.
DEPTHWISE = (("act", "changes the width, and a depthwise convolution in front of it has as many channels"),)

NETWORKS = (
    Small(
        "mobilenet_v1",
        (16, 16, 3),
        (("stages", ((32, 1, 1), (64, 1, 2))), ("width", 0.25)),
        pyramid=((24, 16, 3), ((12, 8, 8), (6, 4, 16))),
        refusals=DEPTHWISE,
    ),
    Small(
        "mobilenet_v2",
        (16, 16, 3),
        (("stages", ((1, 32, 1, 1), (2, 64, 2, 2))), ("width", 0.25)),
        pyramid=((24, 16, 3), ((12, 8, 8), (6, 4, 16))),
        refusals=DEPTHWISE,
    ),
    Small(
        "mobilenet_v3_small",
        (16, 16, 3),
        (
            ("rows", ((3, 16, 16, False, "RE", 1), (5, 48, 32, True, "HS", 2), (3, 48, 32, True, "RE", 1))),
            ("width", 0.5),
            ("hidden", 16),
        ),
        pyramid=((24, 16, 3), ((12, 8, 8), (6, 4, 16))),
        refusals=DEPTHWISE,
    ),
    Small(
        "mnasnet1_0",
        (16, 16, 3),
        (("stages", ((1, 3, 32, 1, 1), (3, 5, 64, 2, 2))), ("width", 0.25)),
        pyramid=((24, 16, 3), ((12, 8, 8), (6, 4, 16))),
        refusals=DEPTHWISE,
    ),
    Small(
        "efficientnet_v2_s",
        (16, 16, 3),
        (
            ("stages", (("Fused-MBConv", 1, 3, 1, 8, 1), ("Fused-MBConv", 2, 3, 2, 16, 2), ("MBConv", 2, 5, 1, 16, 1))),
            ("stem", 8),
        ),
        pyramid=((24, 16, 3), ((12, 8, 8), (6, 4, 16))),
        refusals=DEPTHWISE,
    ),
    Small(
        "shufflenet_v1_g3",
        (32, 32, 3),
        (("stages", ((16, 2),)), ("groups", 2), ("stem", 8)),
        pyramid=((32, 48, 3), ((8, 12, 8), (4, 6, 16))),
        refusals=RESIDUAL,
    ),
    Small(
        "shufflenet_v2_x1_0",
        (32, 32, 3),
        (("stages", ((16, 2),)), ("stem", 8), ("last", 16)),
        pyramid=((32, 48, 3), ((8, 12, 8), (4, 6, 16))),
    ),
    Small(
        "squeezenet1_0",
        (32, 32, 3),
        (("fires", ((4, 8), (4, 8))), ("pools", (1, 2)), ("stem", (8, 7, 2))),
        pyramid=((31, 47, 3), ((13, 21, 8), (6, 10, 16), (3, 5, 16))),
        too_small=(6, 6, 3),
    ),
)
