"""`stylize` and `predict` of styles: what the command line makes of image files."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from PIL import Image

import deepvision as dv
from deepvision.cli import app
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.tasks.style_transfer.any_style import CONTENT, STYLE, adain, moments
from deepvision.tasks.style_transfer.features import features, read_weights

RNG = np.random.default_rng(0)
IMAGE = RNG.integers(0, 256, (24, 20, 3), np.uint8)
STYLES = RNG.integers(0, 128, (2, 24, 24, 3), np.uint8)
CONFIG = """
from deepvision.recipes import arbitrary_style_transfer

def get_config():
    config = arbitrary_style_transfer()
    config.model.overrides = {"width": 4}
    config.style_transfer.image_size = 24
    return config
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory):
    """A folder of an image, two styles, a config and the weights of a small decoder; with the decoder."""
    root = tmp_path_factory.mktemp("styles")
    (root / "paintings").mkdir()
    for number, style in enumerate(STYLES):
        Image.fromarray(style).save(root / "paintings" / f"{number}.png")
    Image.fromarray(IMAGE).save(root / "photo.png")
    (root / "config.py").write_text(CONFIG)
    model = dv.create_model("adain_decoder", overrides={"width": 4})
    variables = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 4, 4, 512)))
    np.savez(root / "decoder.npz", **write_from(variables, rules_of(model)[0], "adain_decoder"))
    return root, model, variables


def predict(root: Path, *more: object) -> int:
    words = ["predict", "--config", root / "config.py", "--weights", root / "decoder.npz", root / "photo.png", *more]
    return app.main([str(word) for word in words])


def test_any_style_is_given_in_any_measure(made, tmp_path: Path, capsys):
    root, model, variables = made
    vgg = read_weights("", "vgg19", STYLE)
    mirrored = np.pad(IMAGE, [(0, 0), (0, 4), (0, 0)], mode="symmetric")
    x, s = (features(vgg, jnp.asarray(y)[None] / np.float32(255), (CONTENT,))[CONTENT] for y in (mirrored, STYLES[1]))
    for alpha in (1.0, 0.25):
        style = ("--style", root / "paintings/1.png", "--alpha", alpha, "--out", tmp_path)
        assert predict(root, *style) == 0
        wanted = jax.jit(model.apply)(variables, alpha * adain(x, moments(s)) + (1 - alpha) * x)[0, :24, :20]
        found = np.asarray(Image.open(tmp_path / "photo.png"))
        np.testing.assert_allclose(found, 255 * np.clip(wanted, 0, 1), atol=0.6)
    assert "style_loss" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ((), "name the image of the style: --style FILE"),
        (("--style", "{root}/paintings"), "name the image of the style: --style FILE"),
        (("--style", "nowhere.png"), "nowhere.png: there is no such file"),
        (("--style", "{root}/photo.png", "--alpha", "2"), "alpha must be in [0, 1]"),
        (("--style", "{root}/photo.png", "--truth", "."), "--truth has no meaning here"),
        (("--config.task=style_transfer", "--style", "a.png"), "--style and --alpha have no meaning here"),
    ],
)
def test_mistakes_in_styles_get_one_line(made, tmp_path: Path, capsys, more: tuple, reason: str):
    root = made[0]
    assert predict(root, *(word.format(root=root) for word in more), "--out", tmp_path) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and reason in lines[0]


def test_pixels_are_optimised_and_bad_images_are_named(made, tmp_path: Path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    root, images = made[0], Path("images")
    images.mkdir()
    Image.fromarray(IMAGE).save(images / "photo.png")
    Image.fromarray(IMAGE).convert("CMYK").save(images / "cmyk.jpg")
    (images / "broken.png").write_bytes((images / "photo.png").read_bytes()[:100])
    style = ("--style", str(root / "paintings/0.png"), "--image_size", "24", "--steps", "6")
    assert app.main(["stylize", *style, "images", "--out", "out"]) == 2
    captured = capsys.readouterr()
    errors = [line for line in captured.err.splitlines() if line.startswith("error: ")]
    assert len(errors) == 2 and "broken.png: it cannot be read" in errors[0] and "its pixels are CMYK" in errors[1]
    assert "6/6" in captured.err, "the progress"
    cells = [cell.strip() for cell in captured.out.splitlines()[3].strip("│").split("│")]
    assert cells[0] == "images/photo.png" and float(cells[2]) < 0.7 * float(cells[1])
    assert sorted(file.name for file in Path("out").iterdir()) == ["photo.png", "photo_panel.png"]
    found = np.asarray(Image.open("out/photo.png"), float)
    assert found.shape == IMAGE.shape and found.mean() < IMAGE.mean() - 5, "the style is dark"
    panel = np.asarray(Image.open("out/photo_panel.png"))
    np.testing.assert_array_equal(panel[16:40, :20], IMAGE)


@pytest.mark.parametrize(
    ("more", "reason"),
    [
        ((), "--style is missing"),
        (("--style", "nowhere.png"), "--style: nowhere.png: there is no such file"),
        (("--style", "{photo}", "--pool", "sum"), "unknown --pool 'sum'"),
        (("--style", "{photo}", "--start", "style"), "unknown --start 'style'"),
        (("--style", "{photo}", "--seed", "1"), "--seed has no meaning without --start noise"),
        (("--style", "{photo}", "--steps", "0"), "--steps must be at least 1"),
        (("--style", "{photo}", "--style_weight", "-1"), "--style_weight must be a number of 0 or more"),
        (("--style", "{photo}", "--optimizer", "sgd"), "unknown optimizer 'sgd'"),
        (("--style", "{photo}", "--weights", "nowhere.npz"), "--weights: no file nowhere.npz"),
        (("--style", "{photo}", "--image_size", "8"), "VGG needs 16 along a side"),
    ],
)
def test_mistakes_get_one_line(made, tmp_path: Path, capsys, more: tuple, reason: str):
    photo = str(made[0] / "photo.png")
    words = [word.format(photo=photo) for word in more]
    assert app.main(["stylize", photo, *words, "--out", str(tmp_path)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and reason in lines[0]
