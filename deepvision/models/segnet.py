"""SegNet: the way up puts values back where the maxima of the way down came from.

Badrinarayanan, Kendall & Cipolla 2015, "SegNet: a deep convolutional encoder-decoder architecture for image
segmentation" (1511.00561): figures 2 and 3, table 6.
"""

from __future__ import annotations

from typing import ClassVar

import flax.linen as nn
import jax
import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.blocks import close_stages
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.pooling import Window
from deepvision.layers.units import ConvUnit
from deepvision.models.network import Network
from deepvision.types import Images


class SegNet(Network):
    """The convolutions of VGG-16 down, each stage closed by a pooling, and their mirror image up.

    `segnet` for 11 classes at 360x480x3: 29,441,419 parameters, 106,287,759,360 multiply-accumulates (a model of 117 MB
    in table 6). Every convolution but the last has batch norm, and so no bias.

    Values go up to the place where the window of the way down had its maximum, with zeros around them, whatever pooling
    stands there; that place is part of the network and no site. Dropout closes the deepest half of the stages on both
    ways, as in Kendall et al. 2015 (1511.02680). The pyramid is that of the way up; without classes, the features are
    those in front of the last convolution.

    Attributes:
        stage_sizes: convolutions per stage.
        width: channels of the first stage; each next one has twice as many, up to eight times.
    """

    dense: ClassVar[bool] = True

    num_classes: int = 11
    stage_sizes: tuple[int, ...] = (2, 2, 3, 3, 3)
    width: int = 64
    layers: Layers = Layers(norm="batch", act="relu", paper_init="he_normal")
    image_shape: tuple[int, int, int] = (360, 480, 3)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        L = self.layers.bind(train)
        self._check(x)
        x = L.input_dropout(name="input_dropout")(x)
        depth = len(self.stage_sizes)
        maps, stages = [], []
        for stage in range(1, depth + 1):
            widths = (self._channels(stage),) * self.stage_sizes[stage - 1]
            maps.append(self._stage(L, x, "conv", stage, widths))
            x = L.pool(Window(2), name=f"pool{stage}")(maps[-1])
        for stage in range(depth, 0, -1):
            x = unpool(x, maps[stage - 1])
            inner = self.stage_sizes[stage - 1] - 1  # the last one leads to the width of the next stage
            widths = (self._channels(stage),) * inner + ((self._channels(stage - 1),) if stage > 1 else ())
            x = self._stage(L, x, "deconv", stage, widths)
            stages.append(x)
        stages[-1] = x = close_stages(L, x)
        if pyramid:
            return stages[::-1]
        return L.conv(self.num_classes, 3, name="head")(x) if self.num_classes else x

    def _stage(self, layers: BoundLayers, x: Images, name: str, stage: int, widths: tuple[int, ...]) -> Images:
        """Returns what convolutions of the given widths make of x."""
        for index, width in enumerate(widths, start=1):
            last = index == len(widths)
            unit = layers.block(ConvUnit)(
                layers,
                width,
                3,
                first=name == "conv" and stage == index == 1,
                attend=last,
                drop=last and 2 * stage > len(self.stage_sizes),
                name=f"{name}{stage}_{index}",
            )
            x = unit(x)
        return x

    def _channels(self, stage: int) -> int:
        return self.width * min(2 ** (stage - 1), 8)

    def _check(self, x: Images) -> None:
        if min(x.shape[1:3]) < 2 ** len(self.stage_sizes):
            poolings = len(self.stage_sizes)
            raise UserError(
                f"an image of {x.shape[1]}x{x.shape[2]} does not survive {poolings} poolings; use a larger one"
            )


def unpool(y: Images, x: Images) -> Images:
    """Returns values y [n, h', w', c] at the places of the maxima of x [n, h, w, c] in windows of 2x2.

    Around them are zeros. Of equal values the first counts. A last row or column that no window reaches is zero.
    """
    (n, h, w, c), (rows, columns) = x.shape, y.shape[1:3]
    windows = x[:, : 2 * rows, : 2 * columns].reshape(n, rows, 2, columns, 2, c)
    windows = windows.transpose(0, 1, 3, 5, 2, 4).reshape(n, rows, columns, c, 4)
    places = jax.nn.one_hot(jnp.argmax(windows, axis=-1), 4, dtype=y.dtype)
    placed = (y[..., None] * places).reshape(n, rows, columns, c, 2, 2).transpose(0, 1, 4, 2, 5, 3)
    placed = placed.reshape(n, 2 * rows, 2 * columns, c)
    return jnp.pad(placed, ((0, 0), (0, h - 2 * rows), (0, w - 2 * columns), (0, 0)))


SEGNETS = {"segnet": SegNet}
