"""What the layers of our networks are called elsewhere: one file per family, one line per network in `RULES`.

A network may be known by the names of several libraries; each is a function from the network to its `Rules`.
"""

from __future__ import annotations

from collections.abc import Callable

from deepvision.interop.rules import (
    airbench,
    alexnet,
    bn_inception,
    coatnet,
    convnext,
    densenet,
    efficientnet,
    googlenet,
    inception_v3,
    inception_v4,
    learn_to_pay_attention,
    lenet,
    mixer,
    mlp,
    mnasnet,
    mobilenet,
    mobilenet_v3,
    neocognitron,
    pvt,
    regnet,
    resnet,
    restoration,
    segmentation,
    shufflenet,
    squeezenet,
    style,
    swin,
    vgg,
    vit,
    xception,
)
from deepvision.interop.rules.base import Rules
from deepvision.models.adain_decoder import AdaINDecoder
from deepvision.models.airbench import Airbench
from deepvision.models.alexnet import AlexNet
from deepvision.models.bn_inception import BNInception
from deepvision.models.coatnet import CoAtNet
from deepvision.models.convnext import ConvNeXt
from deepvision.models.deeplab import DeepLabV3
from deepvision.models.densenet import DenseNet
from deepvision.models.dncnn import DnCNN
from deepvision.models.drunet import DRUNet
from deepvision.models.edsr import EDSR
from deepvision.models.efficientnet import EfficientNet
from deepvision.models.encoder_unet import EncoderUNet
from deepvision.models.fcn import FCN
from deepvision.models.fcn8s import FCN8s
from deepvision.models.ffdnet import FFDNet
from deepvision.models.googlenet import GoogLeNet, GoogLeNetBN
from deepvision.models.inception_resnet_v2 import InceptionResNetV2
from deepvision.models.inception_v3 import InceptionV3
from deepvision.models.inception_v4 import InceptionV4
from deepvision.models.learn_to_pay_attention import AttentionVGG
from deepvision.models.lenet import LeNet5, LeNet5Modern
from deepvision.models.lenet1 import LeNet1
from deepvision.models.mixer import Mixer
from deepvision.models.mlp import MLP
from deepvision.models.mnasnet import MnasNet
from deepvision.models.mobilenet import MobileNetV1, MobileNetV2
from deepvision.models.mobilenet_v3 import MobileNetV3
from deepvision.models.neocognitron import Neocognitron
from deepvision.models.network import Network
from deepvision.models.partial_conv_unet import PartialConvUNet
from deepvision.models.pvt import PVTv2
from deepvision.models.rcan import RCAN
from deepvision.models.regnet import RegNetY
from deepvision.models.resnet import ResNet
from deepvision.models.segnet import SegNet
from deepvision.models.shufflenet import ShuffleNetV1, ShuffleNetV2
from deepvision.models.squeezenet import SqueezeNet
from deepvision.models.srcnn import FSRCNN, SRCNN
from deepvision.models.swin import Swin
from deepvision.models.swinir import SwinIR
from deepvision.models.transform_net import TransformNet
from deepvision.models.unet import UNet
from deepvision.models.vdsr import VDSR
from deepvision.models.vgg import VGG
from deepvision.models.vit import DistilledViT, ViT
from deepvision.models.xception import Xception
from deepvision.models.zfnet import ZFNet

__all__ = ["Rules", "rules_of"]

RULES: dict[type[Network], tuple[Callable[..., Rules], ...]] = {
    MLP: (mlp.mlp,),
    Neocognitron: (neocognitron.neocognitron,),
    LeNet1: (lenet.lenet1,),
    LeNet5: (lenet.lenet5,),
    LeNet5Modern: (lenet.lenet5_modern,),
    AlexNet: (alexnet.alexnet,),
    ZFNet: (alexnet.alexnet,),
    VGG: (vgg.vgg,),
    Airbench: (airbench.airbench,),
    AttentionVGG: (learn_to_pay_attention.attention_vgg,),
    GoogLeNet: (googlenet.googlenet_2014,),
    GoogLeNetBN: (googlenet.googlenet,),
    BNInception: (bn_inception.by_number, bn_inception.caffe),
    InceptionV3: (inception_v3.torchvision,),
    InceptionV4: (inception_v4.v4,),
    InceptionResNetV2: (inception_v4.resnet_v2,),
    Xception: (xception.timm,),
    ResNet: (resnet.resnet, resnet.timm),
    DenseNet: (densenet.densenet,),
    DistilledViT: (vit.timm,),
    MobileNetV1: (mobilenet.timm_v1,),
    MobileNetV2: (mobilenet.torchvision_v2,),
    MobileNetV3: (mobilenet_v3.torchvision,),
    MnasNet: (mnasnet.torchvision,),
    EfficientNet: (efficientnet.torchvision,),
    RegNetY: (regnet.torchvision,),
    ShuffleNetV1: (shufflenet.shufflenet_v1,),
    ShuffleNetV2: (shufflenet.torchvision_v2,),
    SqueezeNet: (squeezenet.torchvision,),
    ConvNeXt: (convnext.torchvision,),
    ViT: (vit.timm, vit.torchvision, vit.torchvision_files),
    Swin: (swin.torchvision, swin.timm),
    PVTv2: (pvt.timm,),
    Mixer: (mixer.timm,),
    CoAtNet: (coatnet.coatnet,),
    FCN: (segmentation.fcn,),
    DeepLabV3: (segmentation.deeplab,),
    UNet: (segmentation.unet,),
    EncoderUNet: (segmentation.encoder_unet,),
    FCN8s: (segmentation.fcn8s,),
    SegNet: (segmentation.segnet,),
    DnCNN: (restoration.dncnn, restoration.kair),
    FFDNet: (restoration.kair,),
    DRUNet: (restoration.drunet,),
    SRCNN: (restoration.srcnn,),
    FSRCNN: (restoration.fsrcnn,),
    VDSR: (restoration.vdsr,),
    EDSR: (restoration.edsr,),
    RCAN: (restoration.rcan,),
    SwinIR: (restoration.swinir,),
    PartialConvUNet: (restoration.partial_conv_unet,),
    TransformNet: (style.transform_net,),
    AdaINDecoder: (style.adain_decoder,),
}


def rules_of(model: Network) -> tuple[Rules, ...]:
    """Returns the rules of a network, the library that `save_weights` writes for first; none where none are known."""
    return tuple(rules(model) for rules in RULES.get(type(model), ()))
