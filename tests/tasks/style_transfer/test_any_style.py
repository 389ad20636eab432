"""Transfer of any style: adaptive instance normalization, the loss of the decoder, and where styles come from."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from ml_collections import ConfigDict
from PIL import Image

from deepvision.build import build
from deepvision.config import default_config
from deepvision.errors import UserError
from deepvision.models import create_model
from deepvision.tasks import ArbitraryStyleTransfer
from deepvision.tasks.style_transfer.any_style import CONTENT, STYLE, adain, moments
from deepvision.tasks.style_transfer.features import features
from tests.train.small import curve, train

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (3, 16, 16, 3), np.uint8)


@pytest.fixture
def styles(tmp_path: Path) -> str:
    (tmp_path / "styles").mkdir()
    for number, image in enumerate(IMAGES):
        Image.fromarray(image).save(tmp_path / "styles" / f"{number}.png")
    return str(tmp_path / "styles")


def config(image: str, **fields) -> ConfigDict:
    config = default_config()
    config.task = "arbitrary_style_transfer"
    config.model.name = fields.pop("model", "adain_decoder")
    config.data.normalize = "unit"
    config.style_transfer.update({"image": image, "network": "vgg19", "style": 10.0, "smoothness": 0.0, **fields})
    return config


def task(image: str, **fields) -> ArbitraryStyleTransfer:
    made = config(image, **fields)
    return ArbitraryStyleTransfer.configured(made, made.loss, create_model(made.model.name))


def test_what_is_aligned_has_the_mean_and_the_deviation_of_the_style():
    x, s = (RNG.normal(mean, std, (2, 5, 7, 4)).astype(np.float32) for mean, std in ((3, 2), (-1, 0.5)))
    y = np.asarray(adain(x, moments(s)))
    np.testing.assert_allclose(y.mean(axis=(1, 2)), s.mean(axis=(1, 2)), atol=1e-5)
    np.testing.assert_allclose(y.std(axis=(1, 2)), s.std(axis=(1, 2)), rtol=1e-4)
    np.testing.assert_allclose(adain(x, moments(x)), x, atol=1e-4)
    by_hand = (x[0, 2, 3, 1] - x[0, ..., 1].mean()) / x[0, ..., 1].std() * s[0, ..., 1].std() + s[0, ..., 1].mean()
    assert float(y[0, 2, 3, 1]) == pytest.approx(by_hand, abs=1e-4)


def test_the_loss_is_zero_of_an_image_that_is_its_own_style(styles: str):
    made = task(f"{styles}/0.png")
    image = jnp.asarray(IMAGES[:1] / np.float32(255))
    batch = {"image": image, "style": jnp.zeros((1, 16, 16, 1), jnp.int32)}
    inputs, targets = made.prepare(batch, None, train=False)
    np.testing.assert_allclose(inputs, features(made.weights, image, (CONTENT,))[CONTENT], atol=1e-3)
    assert float(made.loss(image, targets)[0]) == pytest.approx(0, abs=1e-6)
    assert float(made.loss(image[:, ::-1] * 0.5, targets)[0]) > 0.1


def test_the_parts_of_the_loss_by_their_definition(styles: str):
    made = task(styles, content=2.0, style=3.0)
    images = jnp.asarray(IMAGES / np.float32(255))
    batch = made.on_host({"image": IMAGES[0]}, "set/a.png")
    number = int(batch["style"][0, 0, 0])
    _, targets = made.prepare({"image": images[:1], "style": batch["style"][None]}, None, train=False)
    output = RNG.random((1, 16, 16, 3), np.float32)
    ours, theirs, own = (features(made.weights, x, STYLE) for x in (output, images[number][None], images[:1]))
    style = 0.0
    for layer in STYLE:
        for measure in (np.mean, np.std):
            a, b = (measure(np.asarray(x[layer][0]), axis=(0, 1)) for x in (ours, theirs))
            style += np.mean((a - b) ** 2)
    x = own[CONTENT]
    content = np.mean((np.asarray(ours[CONTENT]) - np.asarray(adain(x, moments(theirs[CONTENT])))) ** 2)
    parts = made.parts(output, targets)
    assert float(parts["style"][0]) == pytest.approx(3 * style, rel=1e-2)
    assert float(parts["content"][0]) == pytest.approx(2 * content, rel=1e-3)


def test_alpha_goes_from_the_content_to_the_style_in_evaluation_alone(styles: str):
    batch = {"image": jnp.asarray(IMAGES[1:2] / np.float32(255)), "style": jnp.zeros((1, 16, 16, 1), jnp.int32)}
    inputs = {
        (alpha, train): made.prepare(batch, jax.random.key(0), train)[0]
        for alpha in (0.0, 0.25, 1.0)
        for train in (False, True)
        for made in [task(f"{styles}/0.png", alpha=alpha)]
    }
    found = features(task(styles).weights, batch["image"], (CONTENT,))[CONTENT]
    np.testing.assert_allclose(inputs[0.0, False], found, atol=1e-5)
    between = 0.25 * inputs[1.0, False] + 0.75 * found
    np.testing.assert_allclose(inputs[0.25, False], between, atol=1e-4)
    np.testing.assert_array_equal(inputs[0.0, True], inputs[1.0, True])


def test_every_style_is_drawn_and_an_image_keeps_its_own_in_evaluation(styles: str):
    made = task(styles)
    assert made.count == 3
    drawn = np.asarray(made._drawn(jax.random.key(0), 600))
    assert np.bincount(drawn, minlength=3).min() > 150
    first, again = (made.on_host({"image": IMAGES[0]}, "set/a.png")["style"] for _ in range(2))
    np.testing.assert_array_equal(first, again)
    names = {int(made.on_host({"image": IMAGES[0]}, f"set/{n}.png")["style"][0, 0, 0]) for n in range(20)}
    assert names == {0, 1, 2}


def test_sides_that_are_no_multiples_are_mirrored(styles: str):
    made = task(styles)
    assert made.input_shape((17, 24, 3)) == (3, 3, 512)
    image = jnp.asarray(RNG.random((1, 15, 10, 3), np.float32))
    mirrored = jnp.concatenate([image, image[:, ::-1][:, :1]], axis=1)
    mirrored = jnp.concatenate([mirrored, mirrored[:, :, ::-1][:, :, :6]], axis=2)
    style = jnp.zeros((1, 1, 1, 1), jnp.int32)
    pair = [made.prepare({"image": x, "style": style}, None, train=False)[0] for x in (image, mirrored)]
    np.testing.assert_allclose(*pair, atol=1e-5)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"image": ""}, "style_transfer.image must name a file"),
        ({"image": "nowhere.png"}, "style_transfer.image: nowhere.png: there is no such file"),
        ({"alpha": 1.5}, r"style_transfer.alpha must be in \[0, 1\]"),
        ({"smoothness": 1.0}, "smoothness has no part in the loss of task arbitrary_style_transfer"),
        ({"model": "transform_net"}, "needs a network that enlarges 8 times what it is given, not transform_net"),
    ],
)
def test_what_does_not_fit_is_refused(styles: str, fields: dict, message: str):
    with pytest.raises(UserError, match=message):
        task(**{"image": styles, **fields})


def test_a_folder_without_images_and_a_broken_one_are_named(tmp_path: Path, styles: str):
    (tmp_path / "empty").mkdir()
    with pytest.raises(UserError, match="there is no image in .*empty"):
        task(str(tmp_path / "empty"))
    (Path(styles) / "1.png").write_bytes(b"no image")
    with pytest.raises(UserError, match="style_transfer.image: .*1.png: it cannot be read"):
        task(styles)


@pytest.mark.parametrize("norm", [None, "instance"])
def test_a_decoder_learns_by_the_common_step(tmp_path: Path, styles: str, norm: str | None):
    (tmp_path / "set").mkdir()
    for number, size in enumerate(((16, 16), (19, 24))):
        Image.fromarray(RNG.integers(0, 256, (*size, 3), np.uint8)).save(tmp_path / "set" / f"{number}.png")
    made = config(styles)
    made.model.overrides, made.model.norm = {"width": 4}, norm
    made.data.update(name="images", path=str(tmp_path), train_split="set", eval_split="set", channels=3)
    made.data.update(patch_size=16, batch_size=4, eval_batch_size=1)
    made.optimizer.name, made.optimizer.learning_rate, made.schedule.name = "adam", 0.01, "constant"
    made.train.steps, made.train.log_every_steps, made.train.eval_every_epochs = 24, 4, 48.0
    assert build(made).parameters == sum(x.size for x in jax.tree.leaves(_decoder(norm)))
    last = train(made, tmp_path / "run")["last"][0]
    losses = curve(tmp_path / "run")
    assert losses[-1] < 0.8 * losses[0]
    assert last["loss"] == pytest.approx(last["content_loss"] + last["style_loss"], rel=1e-4)


def _decoder(norm: str | None):
    model = create_model("adain_decoder", norm=norm, overrides={"width": 4})
    return jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 2, 2, 512)))["params"]
