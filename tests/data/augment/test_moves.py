"""What moves and erases, against every outcome that a plain NumPy reference allows, each as often as it should be."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.data.augment import AUGMENTATIONS
from deepvision.errors import UserError
from tests.data.augment import planes

IMAGE = np.arange(1, 7 * 6 * 2 + 1, dtype=np.float32).reshape(7, 6, 2)  # every value once, and no 0
DRAWS = 4000


def draw(choice: str, image: np.ndarray = IMAGE) -> np.ndarray:
    """Returns [DRAWS, h, w, c]: the image, augmented with many keys."""
    return planes.draw(choice, {"image": image}, DRAWS)["image"]


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


@pytest.mark.parametrize(("p", "expected"), [(0.0, IMAGE), (0.5, None), (1.0, IMAGE[::-1])])
def test_vertical_flip_mirrors_top_to_bottom(p, expected):
    if expected is None:
        assert_uniform(draw(f"vertical_flip(p={p})"), [IMAGE, IMAGE[::-1]])
    else:
        assert (draw(f"vertical_flip(p={p})") == expected).all()


@pytest.mark.parametrize(("mirrored", "expected"), [(False, IMAGE), (True, IMAGE[:, ::-1])])
def test_alternating_flip_takes_turns(mirrored, expected):
    assert (planes.draw("alternating_flip", {"image": IMAGE}, 3, mirrored=mirrored)["image"] == expected).all()


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
        ("flip(p=1.5)", "p, a probability, must be"),
        ("flip(p='often')", "p, a probability, must be"),
        ("vertical_flip(p=-1)", "p, a probability, must be"),
        ("pad_crop(padding=-1)", "padding must be"),
        ("pad_crop(padding=1.5)", "padding must be"),
        ("pad_crop(padding=7)", "at most 6"),
        ("pad_crop(mode='wrap')", "constant, reflect"),
        ("pad_crop(padding=6, mode='reflect')", "7x6"),
        ("cutout(size=0)", "size must be"),
        ("cutout(size=7)", "at most 6"),
        ("random_resized_crop(scale=(0.5, 0.1))", "scale must be two rising numbers"),
        ("random_resized_crop(scale=(0.5, 2.0))", "at most 1"),
        ("random_resized_crop(ratio=1.0)", "ratio must be"),
        ("random_erasing(p=2)", "p, a probability, must be"),
        ("random_erasing(scale=(0.0, 0.3))", "above 0"),
        ("random_erasing(fill='black')", "mean, uniform, normal"),
    ],
)
def test_bad_arguments_are_refused(choice, message):
    with pytest.raises(UserError, match=message) as caught:
        draw(choice)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "choice", ["rotate", "cutout(length=8)", "flip(key=1)", "pad_crop(image=2)", "pad_crop(plane=3)"]
)
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


def test_random_resized_crop_draws_areas_and_shapes_uniformly():
    """Of an image that tells where each pixel was, the corners of what is found say which box it was."""
    x, y = np.meshgrid(np.arange(64) * 2.0, np.arange(48) * 2.0)
    image = np.stack([y, x], axis=-1).astype(np.float32)
    found = planes.draw("random_resized_crop(scale=(0.2, 0.6))", {"image": image}, 2000)["image"]
    rows, columns = ((found[:, -1, -1] - found[:, 0, 0]) / 2 + 1).T
    assert (found[:, 0, 0] >= 0).all() and (rows <= 48).all() and (columns <= 64).all()
    area, ratio = rows * columns / (48 * 64), columns / rows
    assert 0.18 < area.min() < 0.22 and 0.57 < area.max() < 0.63
    assert area.mean() == pytest.approx(0.3995, abs=0.008)
    assert 0.70 < ratio.min() < 0.78 and 1.27 < ratio.max() < 1.40
    assert np.log(ratio).mean() == pytest.approx(0, abs=0.02)
    top, left = found[:, 0, 0].T / 2
    free = rows < 40
    assert (top / (48 - rows))[free].mean() == pytest.approx(0.5, abs=0.05)
    assert (left / (64 - columns)).mean() == pytest.approx(0.5, abs=0.05)


def test_random_resized_crop_of_an_image_too_narrow_is_central():
    """A box of twice the area of an image of 10x40 that is square cannot be: the largest central one of the ratio."""
    image = np.broadcast_to(np.arange(40.0, dtype=np.float32)[:, np.newaxis], (10, 40, 1))
    found = planes.draw("random_resized_crop(scale=(0.9, 1.0), ratio=(1.0, 1.0))", {"image": image}, 50)["image"]
    assert (found == found[0]).all()
    assert (found[0, 0, 0], found[0, 0, -1]) == (15, 24)


@pytest.mark.parametrize(("fill", "normalize"), [("mean", 7.0), ("uniform", 7.0), ("normal", 7.0)])
def test_random_erasing_fills_a_box(fill, normalize):
    image = np.full((40, 30, 3), 200.0, np.float32)
    figures = planes.Normalization((normalize / 255,), (50 / 255,))
    choice = f"random_erasing(p=0.7, scale=(0.1, 0.3), ratio=(0.5, 2.0), fill='{fill}')"
    found = planes.draw(choice, {"image": image}, 1000, figures)["image"]
    changed = (found != 200).any(axis=-1)
    assert changed.any(axis=(1, 2)).mean() == pytest.approx(0.7, abs=0.05)
    for erased in changed[changed.any(axis=(1, 2))][:200]:
        rows, columns = np.flatnonzero(erased.any(axis=1)), np.flatnonzero(erased.any(axis=0))
        height, width = np.ptp(rows) + 1, np.ptp(columns) + 1
        assert erased.sum() == height * width, "it is a box"
        assert 0.09 < height * width / 1200 < 0.32 and 0.45 < height / width < 2.2
    values = found[changed]
    mean, deviation = {"mean": (7, 0), "uniform": (127.5, 255 / np.sqrt(12)), "normal": (7, 50)}[fill]
    assert values.mean() == pytest.approx(mean, abs=0.5) and values.std() == pytest.approx(deviation, abs=0.5)
