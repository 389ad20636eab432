"""VDSR: a deep chain of convolutions learns what an enlarged image lacks.

Kim, Lee & Lee 2015, "Accurate image super-resolution using very deep convolutional networks" (1511.04587): figure 2.
"""

from __future__ import annotations

import functools
from typing import ClassVar

from deepvision.layers.layers import Layers
from deepvision.models.dncnn import DnCNN
from deepvision.models.restoration import add_residual
from deepvision.types import Images


class VDSR(DnCNN):
    """y = x + details(x): 20 convolutions of 3x3 on the image, enlarged bicubically; one network for all scales.

    At 64x64x1, luminance alone (mean PSNR on Set5 at scales 2, 3 and 4, table 3):

        name       parameters  MACs           PSNR
        vdsr          664,704  2,722,627,584  37.53 / 33.66 / 31.35
        vdsr_bias     665,921  2,722,627,584

    The "665K" parameters of the paper are those without biases, which `vdsr` has none of, whatever stands at its norms;
    `vdsr_bias` has all. Attributes are those of `DnCNN`.
    """

    enlarged_input: ClassVar[bool] = True

    depth: int = 20
    inner_bias: bool = False
    layers: Layers = Layers(norm="none", act="relu", paper_init="he_normal")

    def leave(self, x: Images, y: Images) -> Images:
        """Returns the image from what entered the network and what left the chain, here its details."""
        return add_residual(x, y) if self.residual else y


VDSRS = {
    "vdsr": VDSR,
    "vdsr_bias": functools.partial(VDSR, outer_bias=True, inner_bias=True),
}
