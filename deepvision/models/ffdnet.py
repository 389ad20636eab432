"""FFDNet: a chain of convolutions on a small copy of the image is told how much noise there is, and where.

Zhang, Zuo & Zhang 2017, "FFDNet: toward a fast and flexible solution for CNN based image denoising" (1710.04026):
figure 1, section III, tables IV and V.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import jax.numpy as jnp

from deepvision import ops
from deepvision.models.dncnn import PAPER, DnCNN
from deepvision.models.restoration import add_residual
from deepvision.types import Images


class FFDNet(DnCNN):
    """The chain of `DnCNN` on squares of 2x2 pixels, beside their noise level; it gives the image itself.

    The last channel that enters is the standard deviation of the noise at every pixel, in units of the image; a square
    gets the mean of its four. At 64x64 (mean PSNR on BSD68 and CBSD68 at noise of 25 of 255):

        name                 parameters  MACs         PSNR
        ffdnet_gray             486,148  496,041,984  29.19
        ffdnet_gray_merged      485,316  496,041,984
        ffdnet_color            853,068  871,464,960  31.21
        ffdnet_color_merged     852,108  871,464,960

    The networks are trained with batch norm and were released with it merged into the convolutions (`_merged`), as
    github.com/cszn/KAIR has them; all convolutions that no norm follows own a bias. An image whose sides are odd is
    continued by a row or column. Attributes are those of `DnCNN`.
    """

    condition: ClassVar[str] = "noise"
    cell: ClassVar[int] = 2

    depth: int = 15
    outer_bias: bool = True
    residual: bool = False
    image_shape: tuple[int, int, int] = (64, 64, 2)

    def enter(self, x: Images) -> Images:
        """Returns squares of pixels as channels, and behind them the mean noise of each."""
        x = ops.pixel_unshuffle(ops.pad_to_multiple(x, self.cell), self.cell)
        pixels, noise = jnp.split(x, [x.shape[-1] - self.cell**2], axis=-1)
        return jnp.concatenate([pixels, jnp.mean(noise, axis=-1, keepdims=True)], axis=-1)

    def leave(self, x: Images, y: Images) -> Images:
        """Returns the channels as squares of pixels, of which those that continued the image are cut off."""
        y = ops.pixel_shuffle(y, self.cell)[:, : x.shape[1], : x.shape[2]]
        return add_residual(x[..., :-1], -y) if self.residual else y


_color = functools.partial(FFDNet, num_classes=3, depth=12, width=96, image_shape=(64, 64, 4))
_MERGED = PAPER.replace({"norm": "none"})

FFDNETS = {
    "ffdnet_gray": FFDNet,
    "ffdnet_gray_merged": functools.partial(FFDNet, layers=_MERGED),
    "ffdnet_color": _color,
    "ffdnet_color_merged": functools.partial(_color, layers=_MERGED),
}
