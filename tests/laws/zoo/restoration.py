"""Networks that restore images."""

from __future__ import annotations

from tests.laws.zoo.small import CLOSING_NORM, Small

NETWORKS = (
    Small(
        "dncnn17_gray",
        (10, 8, 1),
        (("depth", 4), ("width", 8)),
        pyramid=((10, 8, 1), ((10, 8, 8),)),
        linear_maps="conv1/conv|head",
    ),
    Small("srcnn_955", (12, 10, 1), (("widths", (8, 4)),), pyramid=((12, 10, 1), ((12, 10, 4),))),
    Small(
        "fsrcnn_x3",
        (10, 8, 1),
        (("width", 8), ("shrunk", 4), ("depth", 1)),
        pyramid=((10, 8, 1), ((10, 8, 8),)),
    ),
    Small(
        "vdsr",
        (10, 8, 1),
        (("depth", 4), ("width", 8)),
        pyramid=((10, 8, 1), ((10, 8, 8),)),
        linear_maps=".*",
    ),
    Small(
        "ffdnet_gray",
        (10, 8, 2),
        (("depth", 4), ("width", 8)),
        pyramid=((11, 8, 2), ((6, 4, 8),)),
    ),
    Small(
        "drunet_gray",
        (9, 8, 2),
        (("depth", 1), ("widths", (8, 16))),
        pyramid=((9, 8, 2), ((10, 8, 8), (5, 4, 16))),
        linear_maps=".*",
    ),
    Small("edsr_baseline_x2", (10, 8, 3), (("depth", 1), ("width", 8)), pyramid=((10, 8, 3), ((10, 8, 8),))),
    Small("rcan_x2", (10, 8, 3), (("groups", 1), ("depth", 1), ("width", 32)), pyramid=((10, 8, 3), ((10, 8, 32),))),
    Small(
        "swinir_light_x2",
        (6, 4, 3),
        (("stage_sizes", (2,)), ("width", 8), ("head_width", 4), ("window", 4)),
        pyramid=((6, 4, 3), ((8, 4, 8),)),
        placeless=("post_act", "post_pool"),
        lost_norms=CLOSING_NORM,
        biasless="",
    ),
    Small(
        "partial_conv_unet",
        (9, 8, 4),
        (("widths", (8, 16)), ("kernels", (5, 3))),
        pyramid=((9, 8, 4), ((5, 4, 8), (3, 2, 16))),
        placeless=("pre",),
        linear_maps=".*",
        nonlinear="the mask of known pixels",
    ),
    Small(
        "transform_net",
        (10, 8, 3),
        (("depth", 1), ("width", 8)),
        pyramid=((10, 8, 3), ((12, 8, 8), (6, 4, 16), (3, 2, 32))),
    ),
    Small(
        "adain_decoder",
        (3, 4, 16),
        (("stage_sizes", (2, 3, 1)), ("width", 8)),
        pyramid=((3, 4, 16), ((12, 16, 8), (6, 8, 8), (3, 4, 16))),
    ),
)
