"""Degradations: laws that all obey, and the law of each."""

from __future__ import annotations

import functools
import zlib

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from deepvision.choices import resolve
from deepvision.errors import UserError
from deepvision.tasks.restoration.degradations import DEGRADATIONS, Degradation

PIXELS = np.add.outer(np.arange(48), np.arange(64)) * 2
COLOUR = np.stack([PIXELS, PIXELS[::-1], 255 - PIXELS], axis=-1).astype(np.uint8)
FLAT = jnp.full((200, 300, 1), 0.5)
CHOICES = (
    *(name for name in DEGRADATIONS if name != "given"),  # which is that of the files
    "gaussian(sigma=(0, 55))",
    "poisson(peak=(5, 50))",
    "jpeg(quality=(10, 90))",
    "bicubic(scale=3)",
)


def make(choice: str) -> Degradation:
    return resolve(DEGRADATIONS, choice, "degradation")()


quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})


def apply(choice: str, image: jax.Array, seed: int = 0) -> np.ndarray:
    return np.asarray(quick(make(choice))(image, jax.random.key(seed)))


@pytest.mark.parametrize("choice", CHOICES)
def test_laws(choice: str):
    """The shape is as stated, on both sides; a key or a seed gives one result; one example differs from another."""
    degradation, image = make(choice), COLOUR
    keys = jax.random.split(jax.random.key(0), 2)
    x = jnp.asarray(image, jnp.float32) / 255
    a, b = np.asarray(quick(jax.vmap(degradation, in_axes=(None, 0)))(x, keys))
    assert a.shape == b.shape == degradation.shape(image.shape)
    same, again = (degradation.on_host(image, np.random.default_rng(0)) for _ in range(2))
    assert same.shape == a.shape and same.dtype == np.float32
    np.testing.assert_array_equal(same, again)
    drawn = choice not in ("jpeg", "bicubic", "bicubic(scale=3)")
    assert np.array_equal(a, b) != drawn


def test_gaussian_noise_has_its_deviation_and_is_not_clipped():
    noise = 255 * apply("gaussian(sigma=25)", FLAT * 0)[..., 0]
    assert noise.std() == pytest.approx(25, rel=0.02) and abs(noise.mean()) < 0.4
    assert abs(np.mean(noise[1:] * noise[:-1])) < 0.02 * 625


def test_a_range_of_deviations_is_drawn_evenly_and_told():
    blind = make("gaussian(sigma=(5, 55))")
    keys = jax.random.split(jax.random.key(0), 500)
    noisy = np.asarray(quick(jax.vmap(blind, in_axes=(None, 0)))(jnp.zeros((16, 16, 1)), keys))
    levels = 255 * noisy[..., 1]
    assert np.ptp(levels, axis=(1, 2)).max() == 0
    assert 5 <= levels.min() < 6 and 54 < levels.max() <= 55 and levels.mean() == pytest.approx(30, abs=2)
    np.testing.assert_allclose(255 * noisy[..., 0].std(axis=(1, 2)), levels[:, 0, 0], rtol=0.25)


def test_noise_of_evaluation_is_that_of_a_seeded_generator():
    """It is the same everywhere, as numbers of NumPy are."""
    seed = zlib.crc32(f"Set12/01.png/{make('gaussian(sigma=25)').level}".encode())
    assert seed == zlib.crc32(b"Set12/01.png/25")
    image = COLOUR[..., :1]
    found = make("gaussian(sigma=25)").on_host(image, np.random.default_rng(seed))
    noise = np.random.default_rng(seed).standard_normal((48, 64, 1)) * 25 / 255
    np.testing.assert_allclose(found[..., :1], image / 255 + noise, atol=1e-7)


def test_photons_have_the_variance_of_their_number():
    noisy = apply("poisson(peak=40)", FLAT)
    assert noisy.mean() == pytest.approx(0.5, rel=0.01)
    assert noisy.var() == pytest.approx(0.5 / 40, rel=0.03)
    np.testing.assert_allclose(noisy * 40, np.round(noisy * 40), atol=1e-4)


def test_salt_and_pepper_have_their_shares():
    noisy = apply("salt_and_pepper(share=0.2)", FLAT)
    values, counts = np.unique(noisy, return_counts=True)
    np.testing.assert_array_equal(values, [0, 0.5, 1])
    np.testing.assert_allclose(counts / noisy.size, [0.1, 0.8, 0.1], atol=0.005)


@pytest.mark.parametrize("quality", [10, 40, 75, 95])
@pytest.mark.parametrize("channels", [1, 3])
def test_jpeg_is_that_of_libjpeg(quality: int, channels: int):
    """But for rounding, which decides a tie here and there: they differ by far less than compression loses."""
    rng = np.random.default_rng(0)
    image = np.clip(COLOUR[..., :channels].astype(int) + rng.integers(-30, 30, (48, 64, 1)), 0, 255).astype(np.uint8)
    device = 255 * apply(f"jpeg(quality={quality})", jnp.asarray(image, jnp.float32) / 255)
    host = 255 * make(f"jpeg(quality={quality})").on_host(image, rng)
    between, lost = (np.sqrt(np.mean((host - other) ** 2)) for other in (device, image))
    assert between < 0.6 * lost and np.abs(device - host).mean() < 1.2


def test_what_is_enlarged_again_has_the_size_of_the_image():
    small = make("bicubic(scale=3)")
    x = jnp.asarray(COLOUR, jnp.float32) / 255
    assert small(x, None).shape == small.shape(COLOUR.shape) == (16, 22, 3)
    large = small.enlarging()
    for y in (large(x, None), large.on_host(COLOUR, None)):
        assert y.shape == large.shape(COLOUR.shape) == COLOUR.shape
        assert np.sqrt(np.mean((np.asarray(y) - x)[:, :-3] ** 2)) < 0.2


@pytest.mark.parametrize("blur", ["gaussian_blur(noise=0.0)", "motion_blur(noise=0.0)"])
def test_a_blur_is_a_mean(blur: str):
    """Constants stay; a point becomes the kernel, which is symmetric and sums to one."""
    np.testing.assert_allclose(apply(blur, FLAT), 0.5, atol=1e-5)
    point = jnp.zeros((41, 41, 1)).at[20, 20].set(1.0)
    kernel = apply(blur, point)[..., 0]
    assert kernel.sum() == pytest.approx(1, abs=1e-5) and kernel.min() >= 0
    np.testing.assert_allclose(kernel, kernel[::-1, ::-1], atol=1e-6)


def test_the_kernel_of_a_motion_is_a_segment_of_its_length():
    point = jnp.zeros((61, 61, 1)).at[30, 30].set(1.0)
    kernel = apply("motion_blur(length=20.0, size=41, noise=0.0)", point)[..., 0]
    rows, columns = np.nonzero(kernel > kernel.max() / 2)
    assert np.hypot(np.ptp(rows), np.ptp(columns)) == pytest.approx(20, abs=2)
    others = [apply("motion_blur(noise=0.0)", point, seed) for seed in range(3)]
    assert not np.array_equal(others[0], others[1]) and not np.array_equal(others[1], others[2])


@pytest.mark.parametrize("holes", ["boxes", "strokes", "text"])
def test_holes_are_black_and_told_and_the_rest_is_as_it_was(holes: str):
    image = jnp.asarray(COLOUR, jnp.float32) / 255
    left = apply(holes, image, seed=1)
    known = left[..., 3]
    assert set(np.unique(known)) == {0.0, 1.0} and 0.02 < 1 - known.mean() < 0.8
    np.testing.assert_array_equal(left[..., :3], np.asarray(image) * known[..., None])


def test_a_box_is_a_product_of_intervals_of_the_sides_asked_for():
    for seed in range(3):
        hole = apply("boxes(count=1, sides=(0.25, 0.5))", jnp.ones((40, 80, 1)), seed)[..., 1] == 0
        rows, columns = hole.any(1), hole.any(0)
        np.testing.assert_array_equal(hole, np.outer(rows, columns))
        assert 9 <= rows.sum() <= 21 and 19 <= columns.sum() <= 41


@pytest.mark.parametrize(
    ("choice", "message"),
    [
        ("gaussian(sigma=-1)", "sigma must be a number in"),
        ("gaussian(sigma=(50, 5))", "sigma must be a number in"),
        ("jpeg(quality=0)", "quality must be a number in"),
        ("bicubic(scale=1.5)", "scale must be a whole number"),
        ("gaussian_blur(size=4)", "size must be odd"),
        ("boxes(count=0)", "count must be a whole number"),
        ("gaussain", "did you mean 'gaussian'"),
    ],
)
def test_what_makes_no_sense_is_refused(choice: str, message: str):
    with pytest.raises(UserError, match=message):
        make(choice)
