"""Mixtures of two examples: mixup and cutmix.

Each example is mixed with its neighbour in the global batch (places 0 and 1, 2 and 3, ...), which the shuffled order
makes a random one. What is drawn belongs to the example's place, so that the mixture does not depend on the devices.
"""

from __future__ import annotations

import jax
import jax.numpy as jnp

from deepvision import ops
from deepvision.errors import UserError
from deepvision.types import Array, Images, Key


def neighbour(x: Array) -> Array:
    """Returns, for each example, the other of its pair."""
    if x.shape[0] % 2:
        raise UserError(f"mixup and cutmix mix pairs; {x.shape[0]} examples on a device are odd: change the batch size")
    return x.reshape(-1, 2, *x.shape[1:])[:, ::-1].reshape(x.shape)


def is_off(value: float | Array) -> bool:
    """Tells whether a number is known to be zero; that of a traced one cannot be."""
    return not isinstance(value, jax.Array) and value == 0


def mix(images: Images, key: Key, mixup: float | Array, cutmix: float | Array) -> tuple[Images, Array]:
    """Returns mixed images and the share [n] of each that is its own.

    mixup:   x <- s x + (1 - s) x'                          s ~ Beta(mixup, mixup)
    cutmix:  x <- x but for a box of area 1 - s from x'     s ~ Beta(cutmix, cutmix), then the true share

    Args:
        images: [n, h, w, c], n even.
        key: of the step; the same on every device.
        mixup, cutmix: parameters of the distributions; 0 switches one off; of both, a coin takes one per example.

    Source: Zhang et al. 2017 (1710.09412), equation 1; Yun et al. 2019 (1905.04899), equations 1 and 2.
    """
    keys = ops.example_keys(key, images.shape[0])
    others = neighbour(images)
    if not is_off(mixup) and not is_off(cutmix):
        blended, cut = _mixup(images, others, keys, mixup), _cutmix(images, others, keys, cutmix)
        coins = jax.vmap(lambda k: jax.random.bernoulli(jax.random.fold_in(k, 2)))(keys)
        return jnp.where(coins[:, None, None, None], cut[0], blended[0]), jnp.where(coins, cut[1], blended[1])
    return _mixup(images, others, keys, mixup) if is_off(cutmix) else _cutmix(images, others, keys, cutmix)


def _mixup(images: Images, others: Images, keys: Key, alpha: float | Array) -> tuple[Images, Array]:
    share = jax.vmap(lambda key: jax.random.beta(jax.random.fold_in(key, 0), alpha, alpha))(keys)
    weight = share[:, None, None, None].astype(images.dtype)
    return weight * images + (1 - weight) * others, share


def _cutmix(images: Images, others: Images, keys: Key, alpha: float | Array) -> tuple[Images, Array]:
    inside = jax.vmap(lambda key: _box(key, alpha, *images.shape[1:3]))(keys)
    return jnp.where(inside[..., None], others, images), 1 - jnp.mean(inside, axis=(1, 2))


def _box(key: Key, alpha: float | Array, height: int, width: int) -> Array:
    """Returns a random box [h, w] of the area that is asked for, less what lies outside of the image."""
    share_key, row_key, column_key = jax.random.split(jax.random.fold_in(key, 1), 3)
    side = jnp.sqrt(1 - jax.random.beta(share_key, alpha, alpha))

    def covered(key: Key, length: int) -> Array:
        center, half = jax.random.uniform(key) * length, side * length / 2
        places = jnp.arange(length) + 0.5
        return (places > center - half) & (places < center + half)

    return covered(row_key, height)[:, None] & covered(column_key, width)
