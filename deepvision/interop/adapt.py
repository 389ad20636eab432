"""Weights for other images than they were learned on: other channels, another size."""

from __future__ import annotations

import dataclasses

import numpy as np

from deepvision.models import Network


@dataclasses.dataclass(frozen=True)
class Adapter:
    """Brings arrays learned on a network's own images into the shapes that other images ask for.

    Attributes:
        model: the network, whose `image_shape` is that of the weights.
        channels: of the images asked for.
    """

    model: Network
    channels: int

    def __call__(self, path: tuple[str, ...], array: np.ndarray, shape: tuple[int, ...]) -> np.ndarray | None:
        """Returns a variable of the given shape, or None where nothing sensible makes one of the other.

        Args:
            path: of the variable, (collection, module, ..., leaf).
            array: as learned.
            shape: wanted.
        """
        if array.shape == shape:
            return array
        if path[-1] == "kernel" and self._reads_images(array.shape, shape):
            return with_channels(array, self.channels)
        return self.model.resized("/".join(path[1:]), array, shape)

    def _reads_images(self, learned: tuple[int, ...], wanted: tuple[int, ...]) -> bool:
        """Whether shapes of kernels [..., inputs, outputs] differ just as the channels of the images do."""
        same = len(learned) == len(wanted) and learned[:-2] == wanted[:-2] and learned[-1] == wanted[-1]
        return same and (learned[-2], wanted[-2]) == (self.model.image_shape[-1], self.channels)


def with_channels(kernel: np.ndarray, channels: int) -> np.ndarray:
    """Returns a kernel [..., c, features] for so many input channels, [..., channels, features].

    A single channel gets the sum of all, which is what a gray image repeated over them meets. More channels repeat them
    in turn, scaled by c / channels to keep the size of the outputs.
    """
    if channels == 1:
        return kernel.sum(axis=-2, keepdims=True)
    c = kernel.shape[-2]
    return kernel[..., np.arange(channels) % c, :] * (c / channels)
