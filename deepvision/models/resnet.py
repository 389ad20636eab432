"""Residual networks, and the plain networks they are compared with.

He et al. 2015, "Deep residual learning for image recognition" (1512.03385): figures 2, 3 and 5, table 1, section 4.2.
"""

from __future__ import annotations

import functools

import flax.linen as nn

from deepvision.errors import UserError
from deepvision.layers.blocks import Head, close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.residual import (
    BasicUnit,
    Bottleneck,
    BottleneckV1,
    ResidualUnit,
    Shortcut,
    projection,
    subsampling,
)
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images

PAPER = Layers(norm="batch", act="relu", paper_init="he_normal(mode='fan_out')")


class ResNet(Network):
    """A residual network: stem, stages of residual units, global pooling, classifier.

    At 224x224x3 and 1000 classes (top-1 / top-5 error with 10 crops, tables 2-4, where plain18 and resnet18 are
    compared with parameter-free shortcuts):

        name          parameters    MACs             error
        plain18       11,515,688     1,794,805,760   27.94
        plain34       21,623,848     3,644,493,824   28.54 / 10.02
        resnet18      11,689,512     1,814,073,344   27.88
        resnet34      21,797,672     3,663,761,408   24.52 / 7.46
        resnet50_v1   25,557,032     3,857,973,248   22.85 / 6.71
        resnet101_v1  44,549,160     7,570,194,432   21.75 / 6.05
        resnet152_v1  60,192,808    11,282,415,616   21.43 / 5.71
        resnet50      25,557,032     4,089,184,256
        resnet101     44,549,160     7,801,405,440
        resnet152     60,192,808    11,513,626,624

    The paper has the stride of a bottleneck in its first 1x1 convolution (`_v1`); most implementations since have it
    in the 3x3 convolution. At 32x32x3 and 10 classes (error on CIFAR-10, table 6):

        name              parameters    MACs            error
        cifar_resnet20       269,722       40,551,040   8.75
        cifar_resnet32       464,154       68,862,592   7.51
        cifar_resnet44       658,586       97,174,144   7.17
        cifar_resnet56       853,018      125,485,696   6.97
        cifar_resnet110    1,727,962      252,887,680   6.43
        cifar_resnet1202  19,421,274    2,829,238,912   7.93

    and `cifar_plain20` to `cifar_plain56`, of the same size without shortcuts. Other networks of this form: `resnext`,
    `wide_resnet`, `preact_resnet` and `senet`.

    Attributes:
        stage_sizes: units per stage; each stage but the first halves the positions and doubles the channels.
        unit: `BasicUnit` or `Bottleneck`, or a kind of them.
        width: channels of the first stage, before the expansion of a bottleneck.
        stem_width: channels in front of it; None: as many.
        groups, group_width: a unit whose stage is w wide has `groups` times w group_width / 64 channels inside, at
            least one each, and the 3x3 convolution of a bottleneck so many groups; without bottlenecks they are no more
            than width (Xie et al. 2016, figure 4).
        small_images: a 3x3 stem without pooling, as section 4.2 has it for CIFAR-10, in place of any other.
        deep_stem: three 3x3 convolutions, the last one twice as wide, in place of 7x7.
        stem_pool: the pooling behind either.
        shortcut: what makes shortcuts fit where shapes change: `projection` (option B), `subsampling` (option A) ...;
            None for a plain network.
        output_stride: positions of the image, along a side, per position that leaves the last stage; a stage that
            would halve them too often dilates its convolutions instead. None: every stage halves.
        zero_init_residual: the last norm of each branch starts at scale zero (Goyal et al. 2017, section 5.1).
    """

    stage_sizes: tuple[int, ...] = (2, 2, 2, 2)
    unit: type[ResidualUnit] = BasicUnit
    width: int = 64
    stem_width: int | None = None
    groups: int = 1
    group_width: int = 64
    small_images: bool = False
    deep_stem: bool = False
    stem_pool: Window = Window(3, 2, padding=1)
    shortcut: Shortcut | None = projection
    output_stride: int | None = None
    zero_init_residual: bool = False
    layers: Layers = PAPER

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = self._stem(L, x)
        stages = []
        for stage in range(len(self.stage_sizes)):
            x = self._stage(L, stage, x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        return stages if pyramid else Head(L, self.num_classes, drop=not self.unit.drops, name="head")(x)

    def _stem(self, layers: BoundLayers, x: Images) -> Images:
        width = self.stem_width or self.width
        if self.small_images:
            return ConvUnit(layers, width, 3, first=True, name="conv1")(x)
        if self.deep_stem:
            x = ConvUnit(layers, width, 3, 2, stem=True, name="conv1")(x)
            x = ConvUnit(layers, width, 3, stem=True, name="conv2")(x)
            x = ConvUnit(layers, 2 * width, 3, stem=True, name="conv3")(x)
        else:
            x = ConvUnit(layers, width, 7, 2, stem=True, name="conv1")(x)
        return layers.pool(self.stem_pool, name="pool")(x)

    def _stage(self, layers: BoundLayers, stage: int, x: Images) -> Images:
        return layers.chain((self._unit(layers, stage, index) for index in range(self.stage_sizes[stage])), x)

    def _unit(self, layers: BoundLayers, stage: int, index: int) -> ResidualUnit:
        stride, dilation, before = self._steps(stage)
        position = sum(self.stage_sizes[:stage]) + index
        width = self.width * 2**stage
        return layers.block(self.unit)(
            layers,
            features=width * self.unit.expansion,
            inner=max(width * self.group_width // 64, 1) * self.groups,
            stride=stride if index == 0 else 1,
            dilations=(before if index == 0 else dilation, dilation),
            groups=self.groups,
            shortcut=self.shortcut,
            depth=position / max(sum(self.stage_sizes) - 1, 1),
            scale_init=nn.initializers.zeros if self.zero_init_residual else nn.initializers.ones,
            name=f"layer{stage + 1}_{index}",
        )

    def _steps(self, stage: int) -> tuple[int, int, int]:
        """Returns stride and dilation of a stage, and the dilation in front of it."""
        reached = 1 if self.small_images else 4
        halved = reached * 2 ** (len(self.stage_sizes) - 1)
        allowed = halved if self.output_stride is None else self.output_stride
        if allowed < reached or allowed & (allowed - 1):
            raise UserError(f"output_stride must be a power of 2, at least {reached}, got {allowed}")
        dilation = [max(reached * 2**index // allowed, 1) for index in range(len(self.stage_sizes))]
        halves = stage > 0 and dilation[stage] == 1
        return 2 if halves else 1, dilation[stage], dilation[max(stage - 1, 0)]


def _cifar(depth: int, shortcut: Shortcut | None) -> functools.partial:
    """Returns the network of 6n + 2 layers of section 4.2."""
    return functools.partial(
        ResNet,
        stage_sizes=((depth - 2) // 6,) * 3,
        width=16,
        small_images=True,
        shortcut=shortcut,
        num_classes=10,
        image_shape=(32, 32, 3),
    )


BASIC_SIZES = {18: (2, 2, 2, 2), 34: (3, 4, 6, 3)}  # units per stage: table 1
BOTTLENECK_SIZES = {50: (3, 4, 6, 3), 101: (3, 4, 23, 3), 152: (3, 8, 36, 3)}

_basic = {depth: functools.partial(ResNet, stage_sizes=sizes) for depth, sizes in BASIC_SIZES.items()}
_deep = {
    depth: functools.partial(ResNet, stage_sizes=sizes, unit=Bottleneck) for depth, sizes in BOTTLENECK_SIZES.items()
}

RESNETS = {
    **{f"plain{depth}": functools.partial(network, shortcut=None) for depth, network in _basic.items()},
    **{f"resnet{depth}": network for depth, network in (_basic | _deep).items()},
    **{f"resnet{depth}_v1": functools.partial(network, unit=BottleneckV1) for depth, network in _deep.items()},
    **{f"cifar_resnet{depth}": _cifar(depth, subsampling) for depth in (20, 32, 44, 56, 110, 1202)},
    **{f"cifar_plain{depth}": _cifar(depth, None) for depth in (20, 32, 44, 56)},
}
