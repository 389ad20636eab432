"""U-Net: a contracting path, and an expansive path that meets it at every resolution.

Ronneberger et al. 2015, "U-Net: convolutional networks for biomedical image segmentation" (1505.04597): figure 1.
"""

from __future__ import annotations

import functools
from typing import ClassVar

import flax.linen as nn
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network, Tiling
from deepvision.types import Images

LOST = 4  # positions per side that two valid 3x3 convolutions lose


class UNet(Network):
    """Levels of two convolutions, with poolings down and, beside the maps of the way down, transposed convolutions up.

        name         image       outputs    parameters    MACs
        unet_2015    572x572x1   388x388x2  31,030,658    150,428,424,448
        unet_padded  512x512x1   512x512x2  31,030,658    192,384,335,872

    `unet_2015` has a mean IoU of 92.03 % on PhC-U373 and of 77.56 % on DIC-HeLa (table 2), and a warping error of
    0.000353 on the EM segmentation challenge (table 1). Its convolutions have no padding, so that the outputs are those
    of the inner part of the image; `unet_padded` has, and gives outputs for all of it. Dropout closes the last two
    levels of the contracting path, as in the authors' model. The maps are cropped to the size at which they are met;
    transposed convolutions have no activation. The pyramid is that of the expansive path. Without classes, the
    features are those in front of the last convolution.

    Attributes:
        depth: poolings.
        width: channels of the first level; each next one has twice as many.
        padded: whether convolutions keep the size.
    """

    dense: ClassVar[bool] = True

    num_classes: int = 2
    depth: int = 4
    width: int = 64
    padded: bool = False
    layers: Layers = Layers(norm="none", act="relu", dropout=0.5, paper_init="he_normal")
    image_shape: tuple[int, int, int] = (572, 572, 1)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        self._check(x)
        x = L.input_dropout(name="input_dropout")(x)
        maps = []
        for level in range(1, self.depth + 1):
            x = self._convolve(L, x, level, "contract")
            maps.append(x)
            x = L.pool(Window(2), name=f"pool{level}")(x)
        x = self._convolve(L, x, self.depth + 1, "contract")
        stages = [x]
        for level in range(self.depth, 0, -1):
            x = L.conv_transpose(self._channels(level), 2, 2, name=f"up{level}")(x)
            x = jnp.concatenate([_cropped(maps[level - 1], x), x], axis=-1)
            x = self._convolve(L, x, level, "expand")
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages[::-1]
        return L.conv(self.num_classes, 1, name="head")(x) if self.num_classes else x

    def _convolve(self, layers: BoundLayers, x: Images, level: int, path: str) -> Images:
        """Returns what the two convolutions of a level make of x."""
        for index in (1, 2):
            unit = layers.block(ConvUnit)(
                layers,
                self._channels(level),
                3,
                padding=None if self.padded else 0,
                first=path == "contract" and level == index == 1,
                attend=index == 2,
                drop=index == 2 and path == "contract" and level >= self.depth,
                name=f"{path}{level}_{index}",
            )
            x = unit(x)
        return x

    def _channels(self, level: int) -> int:
        return self.width * 2 ** (level - 1)

    @property
    def tiling(self) -> Tiling | None:
        """See `Network`. A side that halves at every pooling is 2^depth s + margin, the lowest level starting at s.

        So many outputs are left, less 2^depth 4 and twice the margin.
        """
        step = 2**self.depth
        margin = LOST * (step - 1)
        return None if self.padded else Tiling(step * LOST // 2 + margin, step, 2 * step * LOST + margin)

    @property
    def multiple(self) -> int:
        return 2**self.depth if self.padded else 1

    def _check(self, x: Images) -> None:
        """Refuses an image with a side that does not halve at every pooling, or of which no output is left."""
        step = 2**self.depth
        smallest = self.tiling.smallest if self.tiling else step
        if any(side % step != smallest % step or side < smallest for side in x.shape[1:3]):
            raise UserError(
                f"an image of {x.shape[1]}x{x.shape[2]} does not fit; resize or pad its sides to one of"
                f" {smallest}, {smallest + step}, {smallest + 2 * step} ..."
            )


def _cropped(x: Images, like: Images) -> Images:
    """Returns the middle of x that has the height and width of another."""
    top, left = ((x.shape[axis] - like.shape[axis]) // 2 for axis in (1, 2))
    return x[:, top : top + like.shape[1], left : left + like.shape[2]]


UNETS = {
    "unet_2015": UNet,
    "unet_padded": functools.partial(UNet, padded=True, image_shape=(512, 512, 1)),
}
