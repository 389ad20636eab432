"""A small network for every kind of block there is, one file per family."""

from __future__ import annotations

from tests.laws.zoo import lenet, mlp, resnet, vgg, vit
from tests.laws.zoo.small import Small

__all__ = ["NETWORKS", "Small"]

NETWORKS = (
    *mlp.NETWORKS,
    *lenet.NETWORKS,
    *vgg.NETWORKS,
    *resnet.NETWORKS,
    *vit.NETWORKS,
)
