"""VGG."""

from __future__ import annotations

from tests.laws.zoo.small import Small

NETWORKS = (
    Small(
        "vgg11",
        (64, 64, 3),
        (("width", 8), ("hidden", 16)),
        pyramid=((64, 96, 3), ((32, 48, 8), (16, 24, 16), (8, 12, 32), (4, 6, 64), (2, 3, 64))),
        too_small=(16, 16, 3),
        lrn_sites=("conv1_1/norm",),
    ),
    Small(
        "cifar_vgg16",
        (16, 16, 3),
        (("stage_sizes", (1, 2)), ("last_kernels", (3, 1)), ("width", 8)),
        pyramid=((20, 16, 3), ((10, 8, 8), (5, 4, 16))),
        too_small=(2, 2, 3),
        lrn_sites=("conv1_1/norm",),
    ),
)
