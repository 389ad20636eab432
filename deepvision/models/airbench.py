"""Airbench: the network of the CIFAR-10 speed run.

Jordan 2024, "94% on CIFAR-10 in 3.29 seconds on a single GPU" (2404.00498): sections 3.1 to 3.3, appendix A. It goes
back to Page 2019, "How to train your ResNet", and to github.com/tysam-code/hlb-CIFAR10.
"""

from __future__ import annotations

import flax.linen as nn
import numpy as np

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.layers.whitening import Whitening, whitening_kernel
from deepvision.models.network import Network
from deepvision.types import Images

PATCH = 2  # pixels; side of the first layer's kernel

PAPER = Layers(
    norm="batch(momentum=0.6, epsilon=1e-12, learned_scale=False)",
    act="gelu",
    global_pool="max",
    paper_init="dirac",
)


class Airbench(Network):
    """Whitened patches, three pairs of 3x3 convolutions, the first of each with a pooling, and a dense layer.

    `airbench94` on 32x32x3: 1,971,352 parameters and the 288 weights of the first layer, which are computed from 5,000
    training images and not learned; 94.0 % on CIFAR-10 after 9.9 epochs. In a pair stand convolution, pooling, norm,
    activation, convolution, norm, activation. No convolution has a bias, and no norm a scale.

    The whitening is no site: what it computes follows from the images. With `whiten` off, a convolution stands in its
    place that is learned, with a norm like all others.

    Attributes:
        widths: channels of the three pairs.
        whiten: whether the first layer whitens patches.
        logit_scale: factor on the outputs.
    """

    widths: tuple[int, int, int] = (64, 256, 256)
    whiten: bool = True
    logit_scale: float = 1 / 9
    num_classes: int = 10
    layers: Layers = PAPER
    image_shape: tuple[int, int, int] = (32, 32, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        x = L.input_dropout(name="input_dropout")(x)
        x = self._opened(L, x)
        stages = []
        for stage, width in enumerate(self.widths, start=1):
            x = L.block(ConvUnit)(L, width, pool=Window(2), pool_first=True, name=f"conv{stage}_1")(x)
            x = L.block(ConvUnit)(L, width, attend=True, name=f"conv{stage}_2")(x)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages
        x = L.dropout(name="dropout")(L.global_pool(name="pool")(x))
        if not self.num_classes:
            return x
        return self.logit_scale * L.dense(self.num_classes, use_bias=False, linear=True, name="head")(x)

    def _opened(self, layers: BoundLayers, x: Images) -> Images:
        if not self.whiten:
            width = 2 * PATCH**2 * x.shape[-1]
            return layers.block(ConvUnit)(layers, width, PATCH, padding=0, first=True, name="whiten")(x)
        if layers.choices.kernel().data_dependent:
            raise UserError(
                f"kernel {layers.choices.kernel}: airbench94 is fitted to its images after it would be calibrated to"
                " them; use a kernel that is not data_dependent, or overrides {'whiten': False}"
            )
        x = Whitening(PATCH, layers.dtype, name="whiten")(x)
        return x if layers.placement == "pre" else layers.act(name="act")(x)

    @property
    def sample(self) -> int:
        return 5000 if self.whiten else 0

    def fitted(self, images: np.ndarray) -> dict[tuple[str, ...], np.ndarray]:
        return {("constants", "whiten", "kernel"): whitening_kernel(images, PATCH)}


AIRBENCHES = {"airbench94": Airbench}
