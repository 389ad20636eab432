"""Augmentations against every outcome that a plain NumPy reference allows, each as often as it should be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.data.augment import AUGMENTATIONS
from deepvision.errors import UserError

IMAGE = np.arange(1, 7 * 6 * 2 + 1, dtype=np.float32).reshape(7, 6, 2)  # every value once, and no 0
DRAWS = 4000


def draw(choice: str, image: np.ndarray = IMAGE) -> np.ndarray:
    """Returns [DRAWS, h, w, c]: the image, augmented with many keys."""
    augmentation = resolve(AUGMENTATIONS, choice, "augmentation")
    keys = jax.random.split(jax.random.key(0), DRAWS)
    return np.asarray(jax.jit(jax.vmap(lambda key: augmentation(image=jnp.asarray(image), key=key)))(keys))


def assert_uniform(images: np.ndarray, outcomes: list[np.ndarray]) -> None:
    """Asserts that the images are the outcomes, all of them, equally often (chi square within 5 deviations)."""
    counts = {outcome.astype(np.float32).tobytes(): 0 for outcome in outcomes}
    assert len(counts) == len(outcomes), "the outcomes must differ for this test to see them"
    for image in images:
        counts[image.tobytes()] += 1  # a KeyError: an image that the reference does not allow
    expected = len(images) / len(outcomes)
    square = sum((count - expected) ** 2 / expected for count in counts.values())
    freedom = len(outcomes) - 1
    assert abs(square - freedom) <= 5 * np.sqrt(2 * freedom)


def test_flip_mirrors_half_of_the_images():
    assert_uniform(draw("flip"), [IMAGE, IMAGE[:, ::-1]])


@pytest.mark.parametrize(("p", "expected"), [(0.0, IMAGE), (1.0, IMAGE[:, ::-1])])
def test_flip_with_certainty(p, expected):
    assert (draw(f"flip(p={p})") == expected).all()


@pytest.mark.parametrize("mode", ["constant", "reflect"])
@pytest.mark.parametrize("padding", [0, 1, 3])
def test_pad_crop_takes_every_window_of_the_padded_image(padding, mode):
    padded = np.pad(IMAGE, ((padding, padding), (padding, padding), (0, 0)), mode=mode)
    places = range(2 * padding + 1)
    windows = [padded[top : top + 7, left : left + 6] for top in places for left in places]
    assert_uniform(draw(f"pad_crop(padding={padding}, mode='{mode}')"), windows)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_cutout_clears_a_square_around_every_pixel(size):
    outcomes = []
    for row in range(7):
        for column in range(6):
            image = IMAGE.copy()
            top, left = row - size // 2, column - size // 2
            image[max(top, 0) : top + size, max(left, 0) : left + size] = 0
            outcomes.append(image)
    assert_uniform(draw(f"cutout(size={size})"), outcomes)


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("flip(p=1.5)", "p must be"),
        ("flip(p='often')", "p must be"),
        ("pad_crop(padding=-1)", "padding must be"),
        ("pad_crop(padding=1.5)", "padding must be"),
        ("pad_crop(padding=7)", "at most 6"),
        ("pad_crop(mode='wrap')", "constant, reflect"),
        ("pad_crop(padding=6, mode='reflect')", "7x6"),
        ("cutout(size=0)", "size must be"),
        ("cutout(size=7)", "at most 6"),
    ],
)
def test_bad_arguments_are_refused(choice, message):
    with pytest.raises(UserError, match=message) as caught:
        draw(choice)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("choice", ["rotate", "cutout(length=8)", "flip(key=1)", "pad_crop(image=2)"])
def test_unknown_names_and_arguments_are_refused(choice):
    with pytest.raises(UserError, match="unknown"):
        resolve(AUGMENTATIONS, choice, "augmentation")


def test_dihedral_takes_every_symmetry_of_the_square():
    square = IMAGE[:6]
    turned = [np.rot90(square, quarters) for quarters in range(4)]
    assert_uniform(draw("dihedral", square), turned + [image[:, ::-1] for image in turned])


def test_dihedral_turns_squares_only():
    with pytest.raises(UserError, match="turns squares, not 7x6"):
        draw("dihedral")


def test_elastic_of_no_strength_changes_nothing():
    np.testing.assert_allclose(draw("elastic(strength=0.0)")[:5], np.broadcast_to(IMAGE, (5, *IMAGE.shape)), rtol=1e-6)


def test_elastic_moves_pixels_by_a_smooth_field_of_its_strength():
    """Of an image that tells where each pixel was, what is found says by how much it moved."""
    augmentation = resolve(AUGMENTATIONS, "elastic(strength=3.0)", "augmentation")
    places = jnp.stack(jnp.meshgrid(jnp.arange(80.0), jnp.arange(80.0), indexing="ij"), axis=-1)
    keys = jax.random.split(jax.random.key(0), 40)
    found = jax.jit(jax.vmap(lambda key: augmentation(image=places, key=key)))(keys)
    moved = np.asarray(found - places)[:, 20:60, 20:60]
    assert moved.std() == pytest.approx(3, rel=0.35) and abs(moved.mean()) < 0.5
    assert np.abs(np.diff(moved, axis=1)).max() < 1, "neighbours move alike"


def test_elastic_never_mixes_classes():
    augmentation = resolve(AUGMENTATIONS, "elastic(strength=3.0)", "augmentation")
    mask = jnp.where(jnp.arange(30)[:, None, None] < 15, 3, 200).astype(jnp.uint8) + jnp.zeros((1, 30, 1), jnp.uint8)
    found = augmentation(image=mask, key=jax.random.key(0))
    assert found.dtype == jnp.uint8 and set(np.unique(found)) == {3, 200} and not np.array_equal(found, mask)
