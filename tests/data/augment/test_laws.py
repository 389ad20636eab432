"""Laws that hold for every augmentation there is: catalogue x law."""

from __future__ import annotations

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.data.augment import AUGMENTATIONS, MOVES, POLICIES, augmented
from deepvision.data.normalize import Normalization
from tests.data.augment.planes import photo

FIGURES = Normalization((0.49, 0.48, 0.45), (0.23, 0.22, 0.225))
GRAY = Normalization((0.45,), (0.22,))
# Where the default is one for larger images than these.
AS_TESTED = {
    "gaussian_blur": "gaussian_blur(size=5)",
    "elastic": "elastic(strength=2.0)",
    "randaugment": "randaugment(num_ops=1)",  # two are in test_policies.py
}
# Arguments that leave an image as it is; those without any are not listed: there are none.
NOTHING = (
    "flip(p=0.0)",
    "vertical_flip(p=0)",
    "alternating_flip",
    "pad_crop(padding=0)",
    "random_resized_crop(scale=(1.0, 1.0), ratio=(1.5, 1.5))",
    "elastic(strength=0.0)",
    "random_erasing(p=0.0)",
    "color_jitter(brightness=0, contrast=0, saturation=0, hue=0)",
    "color_jitter(p=0.0)",
    "grayscale(p=0.0)",
    "gaussian_blur(p=0.0, size=5)",
    "gaussian_noise(sigma=0.0)",
)
ALWAYS_CHANGE = ("cutout", "dihedral", *POLICIES)
KEYS = 24
SHAPES = {"colour": (16, 24, 3), "gray": (16, 24, 1), "square": (16, 16, 3)}


def test_every_augmentation_is_in_the_laws():
    changing = {choice.split("(")[0] for choice in NOTHING} | set(ALWAYS_CHANGE)
    assert changing == set(AUGMENTATIONS)
    assert set(MOVES) | set(POLICIES) <= set(AUGMENTATIONS)


def _choice(name: str):
    return resolve(AUGMENTATIONS, AS_TESTED.get(name, name), "augmentation")


@functools.cache
def compiled(name: str, shape: str):
    """Returns the compiled (planes [n, ...], keys [n]) -> planes, one program for all laws; a coin says whose turn."""
    normalize = GRAY if shape == "gray" else FIGURES

    def one(planes: dict[str, jax.Array], key: jax.Array) -> dict[str, jax.Array]:
        return augmented(planes, (_choice(name),), key, normalize, jax.random.bernoulli(key))

    program = jax.jit(jax.vmap(one))
    return lambda planes, keys: jax.tree.map(np.asarray, program(planes, keys))


def planes_of(shape: str) -> dict[str, np.ndarray]:
    """Returns bright images with class 3 to the left, dark with 200 to the right, each with its own photo over it."""
    height, width, channels = SHAPES[shape]
    left = np.broadcast_to(np.arange(width)[:, np.newaxis] < width // 2, (KEYS, height, width, 1))
    photos = np.stack([np.roll(photo(height, width, channels), k, axis=1) for k in range(KEYS)])
    mask, weight = np.where(left, 3, 200).astype(np.uint8), np.where(left, 2.5, 0.5).astype(np.float32)
    return {"image": np.where(left, 180, 10).astype(np.uint8) + photos // 4, "mask": mask, "pixel_weight": weight}


CASES = [(name, "square" if name == "dihedral" else "colour") for name in AUGMENTATIONS] + [
    (name, "gray") for name in ("pad_crop", "color_jitter", "grayscale", "trivialaugment")
]


@functools.cache
def outcome(name: str, shape: str) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
    planes = planes_of(shape)
    return planes, compiled(name, shape)(planes, jax.random.split(jax.random.key(1), KEYS))


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_type_shape_and_range_are_kept_and_something_changes(name, shape):
    planes, found = outcome(name, shape)
    image = found["image"]
    assert image.dtype == np.float32 and image.shape == planes["image"].shape
    assert np.isfinite(image).all() and image.min() >= 0 and image.max() <= 255
    gray_stays = shape == "gray" and name == "grayscale"
    assert np.array_equal(image, planes["image"]) == gray_stays


@pytest.mark.parametrize(("name", "shape"), CASES)
def test_an_example_has_its_own_key_and_no_neighbours(name, shape):
    """The same images and keys in another order give the same results in that order, to the bit."""
    planes, found = outcome(name, shape)
    order, keys = np.random.default_rng(0).permutation(KEYS), jax.random.split(jax.random.key(1), KEYS)
    moved = compiled(name, shape)(jax.tree.map(lambda plane: plane[order], planes), keys[order])
    jax.tree.map(np.testing.assert_array_equal, moved, jax.tree.map(lambda plane: plane[order], found))
    if not (shape == "gray" and name == "grayscale"):
        same = compiled(name, shape)(jax.tree.map(lambda plane: np.stack([plane[0]] * KEYS), planes), keys)
        assert len({image.tobytes() for image in same["image"]}) > 1, "another key, another image"


@pytest.mark.parametrize(("name", "shape"), [case for case in CASES if case[1] != "gray"])
def test_masks_move_with_their_images_and_keep_their_classes(name, shape):
    planes, found = outcome(name, shape)
    image, mask, weight = found.values()
    assert mask.dtype == np.uint8 and set(np.unique(mask)) <= {3, 200, 255}
    assert weight.dtype == np.float32 and weight.min() >= 0 and weight.max() <= 2.5 + 1e-5  # of rounding
    if name not in MOVES + POLICIES:
        assert (mask == planes["mask"]).all() and (weight == planes["pixel_weight"]).all()
    elif name in MOVES:
        assert (mask != planes["mask"]).any() or name == "vertical_flip"
        inside = mask != 255
        agrees = (image.mean(axis=-1, keepdims=True) > 125) == (mask == 3)
        assert agrees[inside].mean() > 0.98, "but for pixels at the edge, whose values are mixed"
    else:
        still = (mask == planes["mask"]).all(axis=(1, 2, 3))
        colours_alone = still & (image != planes["image"]).any(axis=(1, 2, 3))
        assert (~still).any() and colours_alone.any()


def test_of_no_strength_nothing_changes():
    """Not even all of them, one after another."""
    image = jnp.float32(photo(16, 24)).at[2:4].set(jnp.asarray(FIGURES.offset))  # what an earlier one brought in
    choices = [resolve(AUGMENTATIONS, choice, "augmentation") for choice in NOTHING]
    one = jax.jit(jax.vmap(lambda key: augmented({"image": image}, choices, key, FIGURES)["image"]))
    found = one(jax.random.split(jax.random.key(0), 8))
    np.testing.assert_allclose(found, np.broadcast_to(image, found.shape), atol=0.5)  # a resized crop is rounded


def test_0_once_normalized_comes_in():
    for choice in ("pad_crop(padding=8)", "cutout(size=8)", "random_erasing(p=1.0)"):
        one = (resolve(AUGMENTATIONS, choice, "augmentation"),)
        seen = jax.vmap(lambda key, one=one: augmented({"image": photo(16, 24)}, one, key, FIGURES)["image"])
        found = np.asarray(jax.jit(lambda keys, seen=seen: FIGURES(seen(keys)))(jax.random.split(jax.random.key(0), 8)))
        assert (found == 0).all(axis=-1).any(axis=(1, 2)).mean() > 0.8, choice
