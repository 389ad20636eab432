"""Transfer of one style: what its loss compares, and where that comes from."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.models import create_model
from deepvision.tasks import StyleTransfer
from deepvision.tasks.style_transfer.one_style import STYLE

RNG = np.random.default_rng(0)
PIXELS = RNG.integers(0, 256, (16, 24, 3), np.uint8)


@pytest.fixture
def style(tmp_path: Path) -> str:
    Image.fromarray(PIXELS).save(tmp_path / "style.png")
    return str(tmp_path / "style.png")


def config(image: str, model: str = "transform_net", **fields) -> ConfigDict:
    config = default_config()
    config.model.name = model
    config.task = "style_transfer"
    config.data.normalize = "unit"
    config.style_transfer.update({"image": image, **fields})
    return config


def task(image: str, model: str = "transform_net", **fields) -> StyleTransfer:
    made = config(image, model, **fields)
    return StyleTransfer.configured(made, made.loss, create_model(model))


def test_the_image_of_the_style_has_it_and_every_image_its_own_content(style: str):
    made = task(style, content=2.0, style=3.0, smoothness=0.0)
    itself, other = PIXELS[None] / np.float32(255), RNG.random((1, 16, 24, 3), np.float32)
    _, targets = made.prepare({"image": jnp.asarray(other)}, None, train=False)
    assert sorted(made.perceptual.grams) == sorted(STYLE)
    values = {
        name: {key: float(metric.value()) for key, metric in made.metrics(y, targets, jnp.ones(1)).items()}
        for name, y in (("itself", jnp.asarray(itself)), ("other", jnp.asarray(other)))
    }
    assert values["itself"]["style_loss"] == pytest.approx(0, abs=1e-9) and values["itself"]["content_loss"] > 0
    assert values["other"]["content_loss"] == 0 and values["other"]["style_loss"] > 0
    twice = task(style, content=4.0, style=6.0, smoothness=1.0)
    smooth = float(jnp.mean(jnp.diff(other, axis=1) ** 2) + jnp.mean(jnp.diff(other, axis=2) ** 2))
    expected = 2 * values["other"]["loss"] + smooth
    np.testing.assert_allclose(twice.loss(jnp.asarray(other), targets), [expected], rtol=1e-4)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": ""}, "style_transfer.image must name a file"),
        ({"image": "nowhere.png"}, "style_transfer.image: nowhere.png: there is no such file"),
        ({"weights": "nowhere.npz"}, "style_transfer.weights: no file nowhere.npz"),
        ({"alpha": 0.5}, "alpha has no meaning for task style_transfer"),
        ({"model": "edsr_baseline_x2"}, "needs a network from images to images, not edsr_baseline_x2"),
        ({"model": "resnet18"}, "needs a network from images to images, not resnet18"),
    ],
)
def test_what_does_not_fit_is_refused(style: str, fields: dict, message: str):
    with pytest.raises(UserError, match=message):
        task(**{"image": style, **fields})


def test_a_style_may_be_brought_to_a_size_and_is_one(style: str, tmp_path: Path):
    square = Image.fromarray(PIXELS[:, 4:20]).resize((8, 8), Image.Resampling.BILINEAR)
    square.save(tmp_path / "square.png")
    smaller, same = task(style, image_size=8), task(str(tmp_path / "square.png"))
    for layer, gram in smaller.perceptual.grams.items():
        np.testing.assert_allclose(gram, same.perceptual.grams[layer], rtol=1e-4, atol=1e-6)
    with pytest.raises(UserError, match="holds 2 images; name one of them"):
        task(str(tmp_path))


def test_images_are_in_colour_and_in_the_unit_interval(style: str):
    with pytest.raises(UserError, match="set data.channels to 3"):
        StyleTransfer.head(0, (8, 8, 1))
    made = config(style)
    made.data.normalize = "imagenet"
    with pytest.raises(UserError, match="set data.normalize to 'unit'"):
        StyleTransfer.configured(made, made.loss, create_model("transform_net"))


def test_the_network_gives_pictures_of_every_size():
    model = create_model("transform_net", overrides={"depth": 1, "width": 4})
    x = jnp.asarray(RNG.random((1, 9, 14, 3), np.float32))
    variables = jax.jit(model.init)(jax.random.key(0), x)
    y = jax.jit(model.apply)(variables, x)
    assert y.shape == x.shape and 0 < float(jnp.std(y)) < 1
    brighter = jax.jit(model.apply)(variables, 0.5 * x + 0.2)
    np.testing.assert_allclose(
        brighter, y, atol=0.01 * float(jnp.std(y))
    )  # its norms take away contrast and brightness
