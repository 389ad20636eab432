"""Decoding, channels and size."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from deepvision.data.images import decode, fit
from deepvision.errors import UserError

COLOR = np.random.default_rng(0).integers(0, 256, (9, 7, 3), np.uint8)


def encoded(image: Image.Image, suffix: str = "png") -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, suffix)
    return buffer.getvalue()


@pytest.mark.parametrize("suffix", ["png", "bmp"])
def test_lossless_images_come_back_as_they_were(suffix):
    assert np.array_equal(decode(encoded(Image.fromarray(COLOR), suffix), 3), COLOR)
    assert np.array_equal(decode(encoded(Image.fromarray(COLOR[..., 0]), suffix), 1), COLOR[..., :1])


def test_channels_follow_the_request():
    gray = encoded(Image.fromarray(COLOR[..., 0]))
    assert np.array_equal(decode(gray, 3), np.repeat(COLOR[..., :1], 3, axis=-1))
    luma = COLOR @ np.array([0.299, 0.587, 0.114])  # ITU-R 601
    assert np.abs(decode(encoded(Image.fromarray(COLOR)), 1)[..., 0] - luma).max() <= 1
    assert np.array_equal(decode(encoded(Image.fromarray(COLOR).convert("RGBA")), 3), COLOR)
    palette = Image.fromarray(COLOR).quantize(256)  # 63 colours fit in a palette
    assert np.array_equal(decode(encoded(palette), 3), np.asarray(palette.convert("RGB")))


def test_more_than_8_bits_are_refused():
    deep = encoded(Image.fromarray(np.full((4, 4), 40000, np.uint16)))
    with pytest.raises(UserError, match="8 bits"):
        decode(deep, 1)


def test_an_image_that_fits_is_untouched():
    assert fit(COLOR, None, 3) is COLOR
    assert fit(COLOR[:7], 7, 3).tobytes() == COLOR[:7].tobytes()


@pytest.mark.parametrize("channels", [1, 3])
def test_reducing_by_a_whole_factor_keeps_the_mean(channels):
    # Antialiased: each result is an average over all pixels near it, so that none is skipped.
    board = np.indices((64, 64)).sum(axis=0) % 2 * 255
    image = np.repeat(board[..., np.newaxis].astype(np.uint8), channels, axis=-1)
    reduced = fit(image, 16, channels)
    assert reduced.shape == (16, 16, channels)
    assert np.abs(reduced.astype(int) - 127.5).max() < 2


def test_the_centred_square_is_kept():
    wide = np.zeros((8, 24, 1), np.uint8)
    wide[:, 8:16] = 200
    assert (fit(wide, 4, 1) == 200).all()
    assert (fit(np.swapaxes(wide, 0, 1), 4, 1) == 200).all()


def test_enlarging_interpolates():
    ramp = np.array([[0, 100], [0, 100]], np.uint8)[..., np.newaxis]
    enlarged = fit(ramp, 4, 1)[..., 0]
    assert enlarged.tolist() == [[0, 25, 75, 100]] * 4  # bilinear, with pixels as squares
