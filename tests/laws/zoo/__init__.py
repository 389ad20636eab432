"""A small network for every kind of block there is, one file per family."""

from __future__ import annotations

from tests.laws.zoo import alexnet, densenet, lenet, mlp, resnet, vgg, vit, zfnet
from tests.laws.zoo.small import Small

__all__ = ["NETWORKS", "Small"]

NETWORKS = (
    *mlp.NETWORKS,
    *lenet.NETWORKS,
    *alexnet.NETWORKS,
    *zfnet.NETWORKS,
    *vgg.NETWORKS,
    *resnet.NETWORKS,
    *densenet.NETWORKS,
    *vit.NETWORKS,
)
