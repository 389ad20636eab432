"""DnCNN: a plain chain of convolutions learns the noise of an image.

Zhang, Zuo, Chen, Meng & Zhang 2016, "Beyond a Gaussian denoiser: residual learning of deep CNN for image denoising"
(1608.03981): section III, figure 1.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration, add_residual
from deepvision.types import Images

PAPER = Layers(norm="batch", act="relu", paper_init="he_normal")
# Of what is learned about an image, at first: the network starts with the image itself, and learns several times as
# fast. In the authors' code it is the norms that start small, with scales of at most 0.025.
_SMALL = 0.01


class DnCNN(Restoration):
    """y = x - noise(x): 3x3 convolutions of one width, at full resolution, each but the first and last with a norm.

    At 64x64 (mean PSNR on BSD68 at noise of standard deviation 15, 25 and 50 of 255, table II):

        name                  parameters  MACs           PSNR
        dncnn17_gray             556,032  2,269,642,752  31.73 / 29.23 / 26.23
        dncnn17_gray_bn_bias     556,097  2,269,642,752
        dncnn17_gray_merged      555,137  2,269,642,752
        dncnn20_gray             667,008  2,722,627,584
        dncnn20_color            669,312  2,732,064,768

    `dncnn17_gray` has no biases but those of its norms, as github.com/SaoYan/DnCNN-PyTorch has it. In the authors' code
    every convolution owns one (`_bn_bias`); behind those with a norm it would be cancelled, and is folded into the
    running mean. Once trained, norms can be merged into the convolutions in front of them (`_merged`), as the authors
    released their networks. The 20 layers are those for unknown noise. The first convolution has no norm behind it,
    under any placement. Attention stands behind the last hidden layer.

    Attributes:
        depth: convolutions.
        width: channels of the hidden layers.
        outer_bias: whether the first and the last convolution, which no norm follows, own a bias.
        inner_bias: whether the others do where no norm takes it.
        residual: whether the network learns what is wrong with the image; without, the image itself.
    """

    cell: ClassVar[int] = 1  # pixels, along a side, of what the chain sees as one position

    num_classes: int = 1
    depth: int = 17
    width: int = 64
    outer_bias: bool = False
    inner_bias: bool = True
    residual: bool = True
    layers: Layers = PAPER
    image_shape: tuple[int, int, int] = (64, 64, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        if self.depth < 2:
            raise UserError(f"a chain of convolutions has at least a first and a last one, not a depth of {self.depth}")
        L = self.layers.bind(train)
        unit = functools.partial(L.block(ConvUnit), L, self.width, 3)
        y = self.enter(self.drop_inputs(L, x))
        y = unit(first=True, normalize=False, use_bias=self.outer_bias, name="conv1")(y)
        inner = functools.partial(unit, use_bias=self.inner_bias)
        last = self.depth - 1
        y = L.chain((inner(attend=index == last, name=f"conv{index}") for index in range(2, self.depth)), y)
        y = close_stages(L, y)
        if pyramid:
            return [y]
        y = L.dropout(name="dropout")(y)
        if not self.num_classes:
            return y
        scale = _SMALL if self.residual else 1.0
        head = L.conv(self.num_classes * self.cell**2, 3, use_bias=self.outer_bias, init_scale=scale, name="head")
        return self.leave(x, head(y))

    def enter(self, x: Images) -> Images:
        """Returns what the chain sees."""
        return x

    def leave(self, x: Images, y: Images) -> Images:
        """Returns the image from what entered the network and what left the chain, here the noise."""
        return add_residual(x, -y) if self.residual else y


DNCNNS = {
    "dncnn17_gray": DnCNN,
    "dncnn17_gray_merged": functools.partial(DnCNN, outer_bias=True, layers=PAPER.replace({"norm": "none"})),
    "dncnn17_gray_bn_bias": functools.partial(DnCNN, outer_bias=True),
    "dncnn20_gray": functools.partial(DnCNN, depth=20),
    "dncnn20_color": functools.partial(DnCNN, depth=20, num_classes=3, image_shape=(64, 64, 3)),
}
