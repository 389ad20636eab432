"""Operations against Pillow's own, to one level of 255; torchvision's on images of 8 bits are Pillow's too."""

from __future__ import annotations

import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageFilter, ImageOps

from deepvision.data.augment import colors, tones
from deepvision.data.augment.draws import Box
from deepvision.data.augment.operations import OPERATIONS, Operation, operated
from deepvision.data.augment.plane import Plane
from deepvision.data.augment.resampling import affine, enlarged
from tests.data.augment.planes import PICTURE, assert_close, from_pillow, photo, to_pillow

FILL = (10, 20, 30)
ENHANCED = {
    "brightness": ImageEnhance.Brightness,
    "color": ImageEnhance.Color,
    "contrast": ImageEnhance.Contrast,
    "sharpness": ImageEnhance.Sharpness,
}


def by_pillow(image: Image.Image, name: str, amount: float, filter: Image.Resampling) -> Image.Image:
    """Returns what Pillow makes of an image."""
    fill = FILL if image.mode == "RGB" else FILL[0]
    matrices = {
        "identity": (1, 0, 0, 0, 1, 0),
        "shear_x": (1, amount, 0, 0, 1, 0),
        "shear_y": (1, 0, 0, amount, 1, 0),
        "translate_x": (1, 0, -amount, 0, 1, 0),
        "translate_y": (1, 0, 0, 0, 1, -amount),
    }
    if name in matrices:
        return image.transform(image.size, Image.Transform.AFFINE, matrices[name], filter, fillcolor=fill)
    if name == "rotate":
        return image.rotate(amount, filter, fillcolor=fill)
    if name in ENHANCED:
        return ENHANCED[name](image).enhance(amount)
    if name in ("posterize", "solarize"):
        return getattr(ImageOps, name)(image, int(amount))
    return getattr(ImageOps, name)(image)


AMOUNTS = {
    "shear_x": (0.3, -0.99),
    "shear_y": (0.17, -0.3),
    "translate_x": (5, -14),
    "translate_y": (3, -9),
    "rotate": (30, -7.5, 131, 180),  # at 45 degrees, rounding decides along a whole diagonal
    "posterize": (8, 5, 2),
    "solarize": (255, 128, 77, 0),
} | dict.fromkeys(ENHANCED, (0.0, 0.1, 0.73, 1.0, 1.27, 1.9))


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("interpolation", ["bilinear", "nearest"])
def test_every_operation_is_that_of_pillow(interpolation, channels):
    image = photo(40, 56, channels)
    plane = PICTURE._replace(fill=np.float32(FILL[:channels]))
    one = jax.jit(lambda number, amount: operated(jnp.float32(image), Operation(number, amount), plane, interpolation))
    filter = Image.Resampling[interpolation.upper()]
    for number, name in enumerate(OPERATIONS):
        for amount in AMOUNTS.get(name, (0.0,)):
            found = one(number, jnp.float32(amount))
            expected = from_pillow(by_pillow(to_pillow(image), name, amount, filter))
            moves = name in ("shear_x", "shear_y", "rotate")  # at a border or between pixels, rounding may decide
            assert_close(found, expected, exceptions=0.004 if moves else 0.0)
            if name in ("autocontrast", "equalize", "invert", "rotate"):
                assert (np.asarray(found) != image).mean() > 0.5, name


def test_of_a_mask_pixels_move_and_nothing_else():
    mask = (photo(40, 56, 1) // 60).astype(np.uint8)
    plane = Plane(fill=255, deviation=0.0, picture=False, mirrored=False)
    one = jax.jit(lambda number, amount: operated(jnp.asarray(mask), Operation(number, amount), plane, "bilinear"))
    for number, name in enumerate(OPERATIONS):
        amount = AMOUNTS.get(name, (0.0,))[0]
        found = np.asarray(one(number, jnp.float32(amount)))
        assert found.dtype == np.uint8
        if name in ("shear_x", "shear_y", "translate_x", "translate_y", "rotate"):
            image = to_pillow(mask)
            fill, nearest = 255, Image.Resampling.NEAREST
            x, y = (1, amount if name == "shear_x" else 0, 0), (amount if name == "shear_y" else 0, 1, 0)
            shift = (-amount if name == "translate_x" else 0, -amount if name == "translate_y" else 0)
            matrix = (*x[:2], shift[0], *y[:2], shift[1])
            turned = image.rotate(amount, nearest, fillcolor=fill)
            moved = image.transform(image.size, Image.Transform.AFFINE, matrix, nearest, fillcolor=fill)
            expected = from_pillow(turned if name == "rotate" else moved)
            assert (found != expected).mean() < 0.004
        else:
            np.testing.assert_array_equal(found, mask)


@pytest.mark.parametrize("box", [Box(0, 0, 40, 56), Box(3, 10, 17, 11), Box(39, 55, 1, 1), Box(10, 0, 30, 56)])
def test_an_enlarged_box_is_that_of_pillow(box):
    image = photo(40, 56)
    corners = (box.left, box.top, box.left + box.columns, box.top + box.rows)
    expected = to_pillow(image).crop(corners).resize((56, 40), Image.Resampling.BILINEAR)
    assert_close(
        jax.jit(lambda *sides: enlarged(jnp.float32(image), Box(*sides), PICTURE))(*box), from_pillow(expected)
    )
    mask = image[..., :1]
    plane = Plane(fill=255, deviation=0.0, picture=False, mirrored=False)
    expected = to_pillow(mask).crop(corners).resize((56, 40), Image.Resampling.NEAREST)
    np.testing.assert_array_equal(enlarged(jnp.asarray(mask), box, plane), from_pillow(expected))


def test_levels_are_counted_alike_on_every_device():
    index = np.random.default_rng(0).integers(0, 256, (500, 3))
    expected = np.stack([np.bincount(column, minlength=256) for column in index.T], axis=-1)
    for count in (tones.counted, tones.counted_by_products):
        np.testing.assert_array_equal(count(jnp.asarray(index)), expected)


def test_equalize_and_autocontrast_of_few_levels():
    flat = np.full((5, 7, 3), 90, np.uint8)
    two = np.where(np.arange(35).reshape(5, 7, 1) < 30, 90, 200).astype(np.uint8) + np.zeros(3, np.uint8)
    few = photo(5, 7)
    for name, table in {"autocontrast": tones.stretched, "equalize": tones.equalized}.items():
        one = jax.jit(lambda image, table=table: tones.looked_up(image, table(image)))
        for image in (flat, two, few):
            assert_close(one(jnp.float32(image)), from_pillow(getattr(ImageOps, name)(to_pillow(image))))


def test_luma_and_smoothing():
    image = photo(24, 31)
    assert_close(tones.gray(jnp.float32(image)), from_pillow(to_pillow(image).convert("L")), levels=0)
    assert_close(tones.smooth(jnp.float32(image)), from_pillow(to_pillow(image).filter(ImageFilter.SMOOTH)))


@pytest.mark.parametrize("turn", [0.0, 0.1, -0.25, 0.5])
def test_the_hue_is_turned_in_8_bits_as_in_pillow(turn):
    """As torchvision's adjust_hue: the channel H of Pillow's HSV moves by int(255 turn), and wraps."""
    colours = np.random.default_rng(0).integers(0, 256, (40, 40, 3), np.uint8)
    corners = np.array(list(itertools.product((0, 128, 255), repeat=3)), np.uint8)
    image = np.concatenate([colours, np.resize(corners, (40, 40, 3)), photo(40, 40)])
    hue, saturation, value = to_pillow(image).convert("HSV").split()
    moved = (np.asarray(hue).astype(int) + int(255 * turn)) % 256
    expected = Image.merge("HSV", (Image.fromarray(moved.astype(np.uint8)), saturation, value)).convert("RGB")
    assert_close(tones.hue_turned(jnp.float32(image), turn), from_pillow(expected), exceptions=1e-3)


def test_color_jitter_in_any_order():
    image, factors, turn = photo(24, 31), (1.3, 0.6, 1.4), 0.07
    jittered = jax.jit(lambda order: colors.jittered(jnp.float32(image), order, jnp.float32(factors), turn))
    changes = [ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color]
    found, expected = [], []
    for order in itertools.permutations(range(4)):
        pillow = to_pillow(image)
        for change in order:
            if change < 3:
                pillow = changes[change](pillow).enhance(factors[change])
            else:
                hue, *rest = pillow.convert("HSV").split()
                moved = Image.fromarray((np.asarray(hue) + np.uint8(255 * turn)).astype(np.uint8))
                pillow = Image.merge("HSV", (moved, *rest)).convert("RGB")
        expected.append(from_pillow(pillow))
        found.append(np.asarray(jittered(jnp.array(order))))
    assert_close(np.stack(found), np.stack(expected), exceptions=1e-3)
    assert len({image.tobytes() for image in expected}) > 12


def test_affine_maps_what_it_says():
    """A turn by a quarter, exactly, of a square; outside of it, what fills."""
    image = jnp.float32(photo(20, 20))
    turned = affine(image, jnp.array([0.0, -1, 20, 1, 0, 0]), PICTURE, "bilinear")
    np.testing.assert_array_equal(turned, np.rot90(np.asarray(image), 1))
    assert (affine(image, jnp.array([1.0, 0, 20, 0, 1, 0]), PICTURE, "bilinear") == jnp.array(FILL)).all()


@pytest.mark.parametrize("deviation", [0.3, 2.0])
def test_blur_is_torchvision_s_formula(deviation):
    """Weights exp(-k^2 / (2 sigma^2)) over their sum, along rows and columns, of an image reflected at its borders."""
    image = photo(24, 31).astype(float)
    weights = np.exp(-0.5 * (np.arange(-3, 4) / deviation) ** 2)
    kernel = np.outer(weights, weights) / weights.sum() ** 2
    padded = np.pad(image, ((3, 3), (3, 3), (0, 0)), mode="reflect")
    windows = np.lib.stride_tricks.sliding_window_view(padded, (7, 7), axis=(0, 1))
    expected = np.rint(np.einsum("hwcij,ij->hwc", windows, kernel))
    assert_close(colors.blurred(jnp.float32(image), deviation, 7), expected)
