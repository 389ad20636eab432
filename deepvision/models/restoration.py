"""What networks that restore images share: an image comes in, and an image goes out."""

from __future__ import annotations

from typing import ClassVar

import jax.numpy as jnp

from deepvision.errors import UserError
from deepvision.layers.bound import BoundLayers
from deepvision.models.network import Network
from deepvision.types import Images


class Restoration(Network):
    """A network from images to images: `(x [n, h, w, c], train) -> [n, scale h, scale w, num_classes]`.

    It has no classifier: `num_classes` counts the channels of the image that leaves, and 0 returns the features in
    front of the last convolution, the "head". Dropout stands directly in front of that, as Kong et al. 2022
    (2112.12089) found best for networks that restore images.
    """

    outputs: ClassVar[str] = "image"
    dense: ClassVar[bool] = True
    scale: ClassVar[int] = 1  # pixels that leave, along a side, per pixel that enters; a field where it may be chosen
    enlarged_input: ClassVar[bool] = False  # for super-resolution, of images that were enlarged bicubically before
    condition: ClassVar[str] = ""  # what the last channel that enters says of each pixel, if it is not of the image:
    # "noise", the standard deviation there, in units of the image; "mask", whether the pixel is known (1) or not (0)

    def drop_inputs(self, layers: BoundLayers, x: Images) -> Images:
        """Returns the inputs with dropout of the image, not of the condition; call it inside the compact method."""
        drop = layers.input_dropout(name="input_dropout")
        return jnp.concatenate([drop(x[..., :-1]), x[..., -1:]], axis=-1) if self.condition else drop(x)


def add_residual(x: Images, residual: Images) -> Images:
    """Returns x + residual, the image that a network restores which learns what is wrong with it.

    Raises: UserError if they differ in channels.
    """
    if x.shape[-1] != residual.shape[-1]:
        raise UserError(
            f"a residual of {residual.shape[-1]} channels does not fit an image of {x.shape[-1]}:"
            f" set num_classes to {x.shape[-1]}"
        )
    return x.astype(residual.dtype) + residual
