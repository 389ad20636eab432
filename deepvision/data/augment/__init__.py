"""Augmentations of one training image, on the device, before it is normalized.

Each is a function (image, key, arguments) -> image of the same shape. An image is float32 [h, w, c] of levels of light
from 0 to 255, whole numbers as an image of 8 bits holds them, where nothing says otherwise. What comes in from outside
of it is the mean of its channel where `config.data.normalize` is "dataset", and in any case what is 0 once normalized.
The key is the example's own; pipelines map the functions over a batch.

Those in `MOVES` only move pixels: a mask, whose values are integers, is moved by the same key, its values are never
mixed, and `IGNORE` comes in. `POLICIES` both move pixels and change their colours; the second leaves masks alone. All
others change the image alone.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence

import jax
import jax.numpy as jnp

from deepvision.choices import Choice
from deepvision.data.augment import colors, erasing, moves, policies
from deepvision.data.augment.plane import PICTURES, plane_of
from deepvision.data.normalize import Normalization

AUGMENTATIONS = {
    "flip": moves.flip,
    "vertical_flip": moves.vertical_flip,
    "alternating_flip": moves.alternating_flip,
    "pad_crop": moves.pad_crop,
    "random_resized_crop": moves.random_resized_crop,
    "dihedral": moves.dihedral,
    "elastic": moves.elastic,
    "cutout": erasing.cutout,
    "random_erasing": erasing.random_erasing,
    "color_jitter": colors.color_jitter,
    "grayscale": colors.grayscale,
    "gaussian_blur": colors.gaussian_blur,
    "gaussian_noise": colors.gaussian_noise,
    "randaugment": policies.randaugment,
    "trivialaugment": policies.trivialaugment,
    "autoaugment": policies.autoaugment,
}
MOVES = ("flip", "vertical_flip", "alternating_flip", "pad_crop", "random_resized_crop", "dihedral", "elastic")
POLICIES = ("randaugment", "trivialaugment", "autoaugment")
_SITE = ("image", "key", "plane")  # what the pipeline gives; the rest is the user's
for _augmentation in AUGMENTATIONS.values():
    _augmentation.site_arguments = tuple(name for name in _SITE if name in inspect.signature(_augmentation).parameters)


def augmented(
    example: dict[str, jax.Array],
    augmentations: Sequence[Choice],
    key: jax.Array,
    normalize: Normalization,
    mirrored: jax.Array | bool = False,
) -> dict[str, jax.Array]:
    """Augments the planes [h, w, c] of one example, in the order of the augmentations.

    Args:
        example: pictures of levels 0 to 255, masks and weights by their names.
        augmentations: entries of `AUGMENTATIONS`.
        key: of the example; number i of the augmentations gets `fold_in(key, i)`, the same for every plane.
        normalize: what will be done with the pictures next.
        mirrored: whether this is the example's turn to be mirrored, for `alternating_flip`.

    Returns:
        The same planes; pictures are float32.
    """
    planes = {name: plane_of(name, values.dtype, normalize, mirrored) for name, values in example.items()}
    example = {name: jnp.float32(values) if name in PICTURES else values for name, values in example.items()}
    for place, augmentation in enumerate(augmentations):
        every = augmentation.name in MOVES or augmentation.name in POLICIES
        for name in tuple(example) if every else ("image",):
            site = {"image": example[name], "key": jax.random.fold_in(key, place), "plane": planes[name]}
            example[name] = augmentation(**{word: site[word] for word in augmentation.entry.site_arguments})
    return example
