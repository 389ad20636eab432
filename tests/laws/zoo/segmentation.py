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
        "unet",
        (16, 16, 3),
        (
            ("encoder", "cifar_resnet20"),
            ("encoder_overrides", (("stage_sizes", (1, 1)), ("width", 8))),
        ),
        pyramid=((20, 18, 3), ((20, 18, 8), (10, 9, 16))),
        refusals=RESIDUAL,
        lost_norms=(("pre", "encoder/.*shortcut/norm"),),
    ),
    Small(
        "fcn8s",
        (64, 34, 3),
        (("stage_sizes", (1, 1, 1, 1, 1)), ("width", 8), ("hidden", 8)),
        pyramid=((33, 48, 3), ((32, 32, 8), (16, 16, 16), (8, 8, 32), (4, 4, 64), (2, 2, 64))),
        lrn_sites=("backbone/conv1_1/norm",),
        linear_maps=r"enlarge\d",
    ),
    Small(
        "segnet",
        (9, 8, 3),
        (("stage_sizes", (2, 2)), ("width", 8)),
        pyramid=((9, 10, 3), ((9, 10, 8), (4, 5, 8))),
        too_small=(3, 8, 3),
        nonlinear="the places of the maxima",
    ),
    Small(
        "unet_2015",
        (20, 20, 1),
        (("depth", 1), ("width", 8)),
        pyramid=((20, 24, 1), ((4, 8, 8), (4, 6, 16))),
        too_small=(16, 16, 1),
    ),
)
