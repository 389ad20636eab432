"""Networks for segmentation."""

from __future__ import annotations

from tests.laws.zoo.small import RESIDUAL, Small

NETWORKS = (
    Small(
        "fcn_resnet50",
        (32, 32, 3),
        (("stage_sizes", (1, 1)), ("width", 8), ("output_stride", 4)),
        pyramid=((32, 48, 3), ((8, 12, 32), (8, 12, 64))),
        refusals=RESIDUAL,
        lost_norms=(("pre", "backbone/.*shortcut/norm"),),
    ),
    Small(
        "deeplabv3_resnet50",
        (16, 16, 3),
        (("stage_sizes", (1,)), ("width", 8), ("output_stride", 4), ("hidden", 8), ("rates", (2,))),
        pyramid=((32, 48, 3), ((8, 12, 32),)),
        refusals=(
            *RESIDUAL,
            ("norm", r"at pyramid/image/norm: a single position \(1, 1, 1, 8\) has no variance"),
        ),
        lost_norms=(("pre", "backbone/.*shortcut/norm|pyramid/(branch.|image)/(norm|act)"),),
    ),
    Small(
        "unet_2015",
        (20, 20, 1),
        (("depth", 1), ("width", 8)),
        pyramid=((20, 24, 1), ((4, 8, 8), (4, 6, 16))),
        too_small=(16, 16, 1),
    ),
)
