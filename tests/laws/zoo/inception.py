"""The inception networks: one of each class, at the least width."""

from __future__ import annotations

from tests.laws.zoo.small import RESIDUAL, SHORTCUTS, Small

LEAST = (("width", 0.001),)
ROW = (8, 8, 8, 8, 8, 8)

NETWORKS = (
    Small(
        "googlenet_2014",
        (64, 64, 3),
        (("stages", ((), (ROW,), ())), *LEAST),
        pyramid=((64, 96, 3), ((16, 24, 8), (8, 12, 8), (4, 6, 32), (2, 3, 32))),
        too_small=(24, 24, 3),
        lrn_sites=("conv1/norm", "conv2/norm"),
    ),
    Small(
        "googlenet",
        (32, 32, 3),
        (("stages", ((), (ROW,), ())), ("small_images", True), *LEAST),
        pyramid=((32, 64, 3), ((32, 64, 8), (16, 32, 32), (8, 16, 32))),
        too_small=(2, 2, 3),
        lrn_sites=("conv1/norm", "conv2/norm"),
    ),
    Small(
        "bn_inception",
        (32, 32, 3),
        (("stages", (((8, 8, 8, 8, 8, "avg", 8), (0, 8, 8, 8, 8, "max", 0)),)), *LEAST),
        pyramid=((64, 96, 3), ((16, 24, 8), (8, 12, 32), (4, 6, 48))),
        too_small=(40, 40, 3),
        lrn_sites=("conv1/norm", "conv2/norm"),
    ),
    Small(
        "inception_v3",
        (75, 75, 3),
        (("projections", ()), ("inner", ()), ("modules_c", 1), *LEAST),
        pyramid=((75, 107, 3), ((15, 23, 8), (7, 11, 8), (3, 5, 24), (1, 2, 48))),
        too_small=(64, 64, 3),
        refusals=(("norm", r"at aux/conv2/norm: a single position \(1, 1, 1, 8\) has no variance"),),
    ),
    Small(
        "inception_v4",
        (32, 32, 3),
        (("stage_sizes", (0, 0, 0)), ("small_images", True), *LEAST),
        pyramid=((32, 48, 3), ((32, 48, 24), (15, 23, 40), (7, 11, 56))),
        too_small=(6, 6, 3),
    ),
    Small(
        "inception_resnet_v2",
        (32, 32, 3),
        (("stage_sizes", (0, 0, 2)), ("small_images", True), *LEAST),
        pyramid=((32, 48, 3), ((32, 48, 32), (15, 23, 48), (7, 11, 8))),
        too_small=(6, 6, 3),
        refusals=RESIDUAL,
        lost_norms=(("pre", r".*/branch[23]_1/(norm|act)|unit_c1/.*/norm"),),
    ),
    Small(
        "xception",
        (32, 32, 3),
        (("entry", (8, 8)), ("middle", 1), *LEAST),
        pyramid=((71, 103, 3), ((17, 25, 8), (9, 13, 8), (5, 7, 8))),
        too_small=(4, 4, 3),
        refusals=RESIDUAL,
        lost_norms=SHORTCUTS,
        linear_maps=".*/depthwise",
    ),
)
