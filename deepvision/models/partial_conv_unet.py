"""A U-Net that fills holes: its convolutions see known pixels alone, and what they have seen is known from there on.

Liu, Reda, Shih, Wang, Tao & Catanzaro 2018, "Image inpainting for irregular holes using partial convolutions"
(1804.07723): section 3, table 3 of the appendix.
"""

from __future__ import annotations

from typing import ClassVar, NamedTuple

import flax.linen as nn
import jax
import jax.numpy as jnp
from jax import lax

from deepvision.errors import UserError
from deepvision.layers.bound import BoundLayers
from deepvision.layers.layers import Layers
from deepvision.layers.units import ConvUnit
from deepvision.models.restoration import Restoration
from deepvision.types import Array, Images


class Part(NamedTuple):
    """Maps with holes.

    Attributes:
        values: [n, h, w, c].
        known: 1 where they are known and 0 in holes, [n, h, w, 1].
    """

    values: Images
    known: Images


class Seen(NamedTuple):
    """What a partial convolution meets.

    Attributes:
        values: [n, h, w, c], zero in holes.
        factor: inputs of a window per known one, [n, h', w', 1]; 0 where none is known.
    """

    values: Images
    factor: Array


class PartialConvUnit(ConvUnit):
    """A unit whose convolution sees known pixels alone, and makes up for the others:

        y = conv(x known) inputs / known inputs + bias;    0 where no input is known

    The bias comes behind the factor, and so belongs to the unit and not to the convolution.
    Source: Liu et al. 2018, equation 1.
    """

    def _transform(self, x: Seen) -> Images:
        y = self._conv(use_bias=False)(x.values)
        y = y * x.factor.astype(y.dtype)
        if not self._owns_bias():
            return y
        bias = self.param("bias", nn.initializers.zeros, y.shape[-1:])
        return jnp.where(x.factor > 0, y + bias.astype(y.dtype), 0)


def see(parts: tuple[Part, ...], kernel: int, stride: int) -> tuple[Seen, Images]:
    """Returns what a convolution meets in maps side by side, and what is known behind it, [n, h', w', 1].

    Beyond the border nothing is known. Source: Liu et al. 2018, equations 1 and 2.
    """
    inputs = kernel**2 * sum(part.values.shape[-1] for part in parts)
    seen = sum(part.values.shape[-1] * _in_windows(part.known, kernel, stride) for part in parts)
    values = jnp.concatenate([part.values * part.known.astype(part.values.dtype) for part in parts], axis=-1)
    return Seen(values, jnp.where(seen > 0, inputs / jnp.maximum(seen, 1), 0)), (seen > 0).astype(seen.dtype)


def _in_windows(known: Images, kernel: int, stride: int) -> Images:
    """Returns how many positions are known in every window."""
    reach = (kernel - 1) // 2
    padding = ((0, 0), (reach, reach), (reach, reach), (0, 0))
    return lax.reduce_window(known, 0.0, lax.add, (1, kernel, kernel, 1), (1, stride, stride, 1), padding)


class PartialConvUNet(Restoration):
    """Partial convolutions of stride 2 down; up, those of maps repeated to twice the size and of the maps beside them.

    The last channel that enters tells known pixels (1) from holes (0), whose values do not count. At 512x512:

        name               parameters  MACs
        partial_conv_unet  32,859,796  37,972,344,832

    Every convolution but the first and the last has batch norm, and so no bias; with all it is 32,865,236 parameters.
    Activations are ReLU on the way down and leaky ReLU, the second kind, on the way up. The pyramid is that of the way
    up; without channels of the image, the features are its finest. Known pixels are not copied into the result.

    Attributes:
        widths: channels of the way down, finest first.
        kernels: sides of its kernels.
    Raises: UserError for placement `pre`.
    """

    condition: ClassVar[str] = "mask"

    num_classes: int = 3
    widths: tuple[int, ...] = (64, 128, 256, 512, 512, 512, 512, 512)
    kernels: tuple[int, ...] = (7, 5, 5, 3, 3, 3, 3, 3)
    layers: Layers = Layers(
        norm="batch", act="relu", paper_init="he_normal", second={"act": "leaky_relu(negative_slope=0.2)"}
    )
    image_shape: tuple[int, int, int] = (512, 512, 4)

    @nn.compact
    def __call__(self, x: Images, train: bool = False, pyramid: bool = False):
        if self.layers.placement == "pre":
            raise UserError("placement 'pre' would normalize the values of holes; use 'post' or 'post_act'")
        L = self.layers.bind(train)
        x = self.drop_inputs(L, x)
        parts = [Part(x[..., :-1], (x[..., -1:] > 0.5).astype(jnp.float32))]
        for level, (width, kernel) in enumerate(zip(self.widths, self.kernels, strict=True), start=1):
            parts.append(self._unit(L, (parts[-1],), width, kernel, 2, f"down{level}"))
        part, stages = parts[-1], [parts[-1].values]
        for level in range(len(self.widths) - 1, 0, -1):
            beside = parts[level]
            part = self._unit(L.second, (_repeated(part, beside), beside), self.widths[level - 1], 3, 1, f"up{level}")
            stages.append(part.values)
        if pyramid:
            return stages[::-1]
        if not self.num_classes:
            return part.values
        part = Part(L.dropout(name="dropout")(part.values), part.known)
        return self._unit(L, (_repeated(part, parts[0]), parts[0]), self.num_classes, 3, 1, "head").values

    def _unit(
        self, layers: BoundLayers, parts: tuple[Part, ...], width: int, kernel: int, stride: int, name: str
    ) -> Part:
        """Returns what a partial convolution makes of maps side by side."""
        seen, known = see(parts, kernel, stride)
        last = name == "head"
        unit = layers.block(PartialConvUnit)(
            layers,
            width,
            kernel,
            stride,
            first=name == "down1",
            normalize=name not in ("down1", "head"),
            linear=last,
            attend=not last,
            name=name,
        )
        return Part(unit(seen), known)


def _repeated(part: Part, like: Part) -> Part:
    """Returns maps with every value twice along both sides, cut to the size of others."""
    height, width = like.known.shape[1:3]
    return jax.tree.map(lambda x: x.repeat(2, axis=1).repeat(2, axis=2)[:, :height, :width], part)


PARTIAL_CONV_UNETS = {"partial_conv_unet": PartialConvUNet}
