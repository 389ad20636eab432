"""A small network for every kind of block there is, one file per family."""

from __future__ import annotations

from tests.laws.zoo import (
    airbench,
    alexnet,
    coatnet,
    convnext,
    densenet,
    inception,
    learn_to_pay_attention,
    lenet,
    mixer,
    mlp,
    mobile,
    neocognitron,
    pvt,
    regnet,
    resnet,
    restoration,
    segmentation,
    swin,
    vgg,
    vit,
    zfnet,
)
from tests.laws.zoo.small import Small

__all__ = ["NETWORKS", "Small"]

NETWORKS = (
    *mlp.NETWORKS,
    *neocognitron.NETWORKS,
    *lenet.NETWORKS,
    *alexnet.NETWORKS,
    *zfnet.NETWORKS,
    *vgg.NETWORKS,
    *airbench.NETWORKS,
    *inception.NETWORKS,
    *learn_to_pay_attention.NETWORKS,
    *resnet.NETWORKS,
    *densenet.NETWORKS,
    *mobile.NETWORKS,
    *regnet.NETWORKS,
    *convnext.NETWORKS,
    *vit.NETWORKS,
    *swin.NETWORKS,
    *pvt.NETWORKS,
    *mixer.NETWORKS,
    *coatnet.NETWORKS,
    *segmentation.NETWORKS,
    *restoration.NETWORKS,
)
