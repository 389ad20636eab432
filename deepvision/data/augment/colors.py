"""Augmentations of the colours of an image, and of its sharpness and noise."""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepvision.checks import check_number, check_odd
from deepvision.data.augment import tones
from deepvision.data.augment.draws import between, check_range
from deepvision.errors import UserError
from deepvision.ops import materialize
from deepvision.types import Array

_HUE = 3  # the number of that change; 0 to 2 are brightness, contrast and saturation


def color_jitter(
    image: jax.Array,
    key: jax.Array,
    brightness: float = 0.4,
    contrast: float = 0.4,
    saturation: float = 0.4,
    hue: float = 0.0,
    p: float = 1.0,
) -> jax.Array:
    """Changes brightness, contrast, saturation and hue, in a random order, with probability `p`.

    Args:
        image, key: of the example.
        brightness, contrast, saturation: s; each factor is drawn uniformly from [max(0, 1 - s), 1 + s].
        hue: its turn is drawn uniformly from [-hue, hue], as a share of the circle, at most 0.5; 0: off.
        p: probability.

    Cost: six blends, and one turn of the hue unless that is off, for an order drawn anew for each example.
    Source: Howard 2013 (1312.5402), section 2.2; as in torchvision's ColorJitter. The strengths are timm's.

    Raises:
        UserError: a strength is negative, `hue` not in [0, 0.5] or `p` not in [0, 1].
    """
    where = "augmentation color_jitter"
    strengths = {"brightness": brightness, "contrast": contrast, "saturation": saturation}
    for name, strength in strengths.items():
        check_number(where, name, strength, low=0)
    check_number(where, "hue", hue, 0, 0.5)
    check_number(where, "p, a probability,", p, 0, 1)
    if not any((brightness, contrast, saturation, hue)):
        return image
    draws = jax.random.uniform(key, (9,))
    spread = jnp.array(list(strengths.values()), jnp.float32)
    factors = between(draws[:3], jnp.maximum(1 - spread, 0), 1 + spread)
    turn = between(draws[3], -hue, hue) if hue else None
    return jnp.where(draws[4] < p, jittered(image, jnp.argsort(draws[5:]), factors, turn), image)


def jittered(image: Array, order: Array, factors: Array, turn: Array | None) -> Array:
    """Returns an image changed in a given order.

    Args:
        image: [h, w, c].
        order: int [4], a permutation of 0 brightness, 1 contrast, 2 saturation, 3 hue.
        factors: [3], of the first three.
        turn: of the hue; None: it stays. That of a gray image does.
    """
    pixels = materialize(tones.levels(image))
    turned = jnp.argmax(order == _HUE)
    for place in range(3):
        pixels = materialize(jnp.where(place < turned, _enhanced(pixels, order[place], factors), pixels))
    if turn is not None and image.shape[-1] == 3:
        pixels = materialize(tones.hue_turned(pixels, turn))
    for place in range(1, 4):
        pixels = materialize(jnp.where(place > turned, _enhanced(pixels, order[place], factors), pixels))
    return pixels


def _enhanced(image: Array, change: Array, factors: Array) -> Array:
    poorer = jnp.where(change == 0, 0, jnp.where(change == 1, tones.mean_gray(image), tones.gray(image)))
    return tones.blend(poorer, image, factors[jnp.minimum(change, 2)])


def grayscale(image: jax.Array, key: jax.Array, p: float = 0.1) -> jax.Array:
    """Replaces every channel by the luma with probability `p`; an image of one channel stays.

    Source: Chen et al. 2020, SimCLR (2002.05709), appendix A; as in torchvision's RandomGrayscale.

    Raises:
        UserError: `p` is not in [0, 1].
    """
    check_number("augmentation grayscale", "p, a probability,", p, 0, 1)
    return jnp.where(jax.random.bernoulli(key, float(p)), tones.gray(tones.levels(image)), image)


def gaussian_blur(
    image: jax.Array, key: jax.Array, p: float = 0.5, sigma: tuple[float, float] = (0.1, 2.0), size: int = 13
) -> jax.Array:
    """Blurs the image with probability `p`; mirrored beyond its borders, without its edge, and rounded.

    Args:
        image, key: of the example.
        p: probability.
        sigma: least and greatest standard deviation in pixels, drawn uniformly.
        size: of the kernel in pixels, odd; what lies beyond is cut off.

    Cost: 2 `size` multiplications for each value.
    Source: Chen et al. 2020, SimCLR (2002.05709), appendix A; as in torchvision's GaussianBlur.

    Raises:
        UserError: `p` is not in [0, 1], `sigma` not positive, or `size` even or too large for the image.
    """
    where = "augmentation gaussian_blur"
    check_number(where, "p, a probability,", p, 0, 1)
    check_range(where, "sigma", sigma, 0, float("inf"))
    check_odd(where, "size", size)
    if size // 2 >= min(image.shape[:2]):
        height, width, _ = image.shape
        raise UserError(f"{where}: a kernel of {size} pixels is too large for an image of {height}x{width}: lower size")
    draws = jax.random.uniform(key, (2,))
    return jnp.where(draws[0] < p, blurred(image, between(draws[1], *sigma), size), image)


def blurred(image: Array, deviation: Array | float, size: int) -> Array:
    """Returns the image convolved with a Gaussian of `size` x `size` pixels, rounded to whole levels."""
    offsets = jnp.arange(size) - size // 2
    kernel = jax.nn.softmax(-0.5 * jnp.square(offsets / deviation))
    for axis in (0, 1):
        pad = [(size // 2, size // 2) if axis == other else (0, 0) for other in range(3)]
        padded = materialize(jnp.pad(image, pad, mode="reflect"))
        count = image.shape[axis]
        image = sum(kernel[k] * jax.lax.slice_in_dim(padded, k, k + count, axis=axis) for k in range(size))
    return tones.levels(image)


def gaussian_noise(image: jax.Array, key: jax.Array, sigma: float = 0.1) -> jax.Array:
    """Adds 255 `sigma` z to every value, z ~ N(0, 1), and cuts what leaves 0 to 255; it is not rounded.

    Source: torchvision's GaussianNoise (v2), whose images lie in [0, 1].

    Raises:
        UserError: `sigma` is negative.
    """
    check_number("augmentation gaussian_noise", "sigma", sigma, low=0)
    return jnp.clip(image + 255 * sigma * jax.random.normal(key, image.shape), 0, 255)
