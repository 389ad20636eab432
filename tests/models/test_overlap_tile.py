"""The overlap-tile strategy: what tiles give is what the whole image gives."""

from __future__ import annotations

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import deepvision as dv
from deepvision.models.overlap_tile import apply_whole

KEY = jax.random.key(0)


def _unet(side: int, depth: int, width: int, **choices):
    overrides = {"depth": depth, "width": width, "image_shape": (side, side, 1)}
    model = dv.create_model("unet_2015", overrides=overrides, dropout=0.0, **choices)
    variables = jax.jit(model.init)(KEY, jnp.zeros((1, side, side, 1)))
    return model, variables


def _in_one_piece(model, variables, x, size: tuple[int, int]):
    """Returns the outputs of the whole image, mirrored beyond its borders, from one pass."""
    lost, step, smallest = model.tiling
    more = [(smallest - side - 2 * lost) % step for side in size]
    x = jnp.pad(x, [(0, 0), *((lost, lost + extra) for extra in more), (0, 0)], mode="symmetric")
    return model.apply(variables, x)[:, : size[0], : size[1]]


@pytest.mark.parametrize(
    ("tile", "depth", "size"),
    [(60, 2, (70, 57)), (60, 2, (20, 20)), (48, 2, (31, 8)), (572, 4, (400, 389)), (28, 1, (12, 13)), (44, 2, (1, 9))],
)
def test_tiles_give_what_one_piece_gives(tile: int, depth: int, size: tuple[int, int]):
    model, variables = _unet(tile, depth, width=2)
    x = jax.random.normal(jax.random.key(1), (2 if depth < 4 else 1, *size, 1))
    seams = jax.jit(lambda x: apply_whole(model, variables, x, KEY))(x)
    whole = _in_one_piece(model, variables, x, size)
    assert whole.shape == (x.shape[0], *size, 2) and float(jnp.std(whole)) > 1e-3
    np.testing.assert_allclose(seams, whole, atol=1e-5)


def test_unet_of_the_paper_loses_92_pixels_at_each_border():
    model = dv.create_model("unet_2015")
    assert model.tiling == (92, 16, 188)
    assert dv.create_model("unet_padded").tiling is None


def test_no_tile_is_larger_than_the_images_of_the_network():
    """512 pixels take two tiles of 444 rather than one of 700, or two of 572."""
    model = dv.create_model("unet_2015", overrides={"width": 1})
    seen = []

    class Spy:
        tiling, image_shape = model.tiling, model.image_shape

        def apply(self, variables, x, train, rngs):
            seen.append(x.shape)
            return x[:, 92:-92, 92:-92]

    x = jax.random.normal(KEY, (1, 512, 388, 1))
    np.testing.assert_array_equal(apply_whole(Spy(), {}, x, KEY), x)
    assert seen[0] == (1, 444, 572, 1)
