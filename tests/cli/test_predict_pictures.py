"""`predict` of restoration and segmentation: what the command line makes of files of every kind."""

from __future__ import annotations

from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import png
import pytest
from PIL import Image

import deepvision as dv
from deepvision.cli import app
from deepvision.data.picture_files import Picture, read_picture, write_picture
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from deepvision.tasks.pictures import class_colours

RNG = np.random.default_rng(0)
GRAY = RNG.integers(0, 256, (19, 26), np.uint8)
COLOUR = RNG.integers(0, 256, (19, 26, 3), np.uint8)
SMALL = {
    "restoration": ("dncnn17_gray", {"depth": 3, "width": 4}),
    "segmentation": ("unet_padded", {"depth": 1, "width": 4}),
}


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """For either task a config, the weights of a small network and the network, with a folder of images and masks."""
    root, made = tmp_path_factory.mktemp("pictures"), {}
    for task, (name, overrides) in SMALL.items():
        model = dv.create_model(name, overrides=overrides)
        variables = jax.jit(model.init)(jax.random.key(0), jnp.zeros((1, 16, 16, 1)))
        np.savez(root / f"{task}.npz", **write_from(variables, rules_of(model)[0], name))
        (root / f"{task}.py").write_text(_config(task, name, overrides, root / task))
        made[task] = (root, model, variables)
    for folder in ("restoration/set", "segmentation/set/image", "segmentation/set/label"):
        (root / folder).mkdir(parents=True)
    Image.fromarray(GRAY).save(root / "restoration/set/a.png")
    Image.fromarray(255 - GRAY).save(root / "restoration/set/b.png")
    Image.fromarray(GRAY).save(root / "segmentation/set/image/a.png")
    Image.fromarray(np.where(GRAY > 99, 255, 0).astype(np.uint8)).save(root / "segmentation/set/label/a.png")
    return made


def _config(task: str, model: str, overrides: dict, data: Path) -> str:
    lines = [
        "from deepvision.config import default_config",
        "def get_config():",
        "    config = default_config()",
        f"    config.task = {task!r}",
        f"    config.model.name = {model!r}",
        f"    config.model.overrides = {overrides!r}",
        f"    config.data.name = {'images' if task == 'restoration' else 'image_masks'!r}",
        f"    config.data.classes = {() if task == 'restoration' else (0, 255)!r}",
        f"    config.data.path = {str(data)!r}",
        "    config.data.train_split = config.data.eval_split = 'set'",
        "    config.data.patch_size = 16",
        "    config.data.channels = 1",
        "    config.data.normalize = 'unit'",
        "    config.data.eval_batch_size = 1",
        "    return config",
    ]
    return "\n".join(lines)


def words(made, task: str, *more: object) -> list[str]:
    root = made[task][0]
    return ["--config", str(root / f"{task}.py"), "--weights", str(root / f"{task}.npz"), *map(str, more)]


def test_a_gray_image_is_restored_whatever_its_bits_and_alpha(made, tmp_path: Path, capsys):
    _, model, variables = made["restoration"]
    deep = RNG.integers(0, 65536, (19, 26), np.uint16)
    with (tmp_path / "deep.png").open("wb") as file:
        png.Writer(26, 19, greyscale=True, bitdepth=16).write(file, deep)
    Image.fromarray(np.stack([GRAY, 255 - GRAY], axis=-1)).save(tmp_path / "alpha.png")
    files = (tmp_path / "deep.png", tmp_path / "alpha.png")
    assert app.main(["predict", *words(made, "restoration", *files, "--out", tmp_path / "out")]) == 0
    images = np.stack([deep / 65535, GRAY / 255])[..., None].astype(np.float32)
    wanted = np.clip(jax.jit(model.apply)(variables, images), 0, 1)
    found = [read_picture(tmp_path / "out" / file.name) for file in files]
    assert [picture.bits for picture in found] == [16, 8]
    np.testing.assert_allclose(found[0].pixels / 255, wanted[0], atol=1e-5)
    np.testing.assert_allclose(found[1].pixels / 255, wanted[1], atol=0.51 / 255)
    np.testing.assert_array_equal(found[1].alpha[..., 0], 255 - GRAY)
    panel = np.asarray(Image.open(tmp_path / "out" / "alpha_panel.png"))
    np.testing.assert_array_equal(panel[16:, :26, 0], GRAY)
    np.testing.assert_array_equal(panel[16:, 30:56, 0], found[1].pixels[..., 0])
    assert "psnr" not in capsys.readouterr().out, "nobody knows the truth"


def test_channels_of_colour_are_restored_one_by_one(made, tmp_path: Path):
    _, model, variables = made["restoration"]
    Image.fromarray(COLOUR).save(tmp_path / "colour.png")
    assert app.main(["predict", *words(made, "restoration", tmp_path / "colour.png", "--out", tmp_path / "out")]) == 0
    wanted = jax.jit(model.apply)(variables, np.moveaxis(COLOUR, -1, 0)[..., None] / np.float32(255))
    found = np.asarray(Image.open(tmp_path / "out" / "colour.png"))
    np.testing.assert_allclose(found, 255 * np.clip(np.moveaxis(wanted[..., 0], 0, -1), 0, 1), atol=0.51)


def test_metrics_are_those_of_evaluation(made, tmp_path: Path, capsys):
    """Of images degraded as evaluation degrades them, of such whose truth lies in a folder, and of masks."""
    root = made["restoration"][0]
    values = {}
    for task, images, more in (
        ("restoration", root / "restoration/set", ("--degrade",)),
        ("segmentation", root / "segmentation/set/image", ("--truth", root / "segmentation/set/label")),
    ):
        assert app.main(["evaluate", *words(made, task)]) == 0
        head, row = _table(capsys.readouterr().out)
        assert app.main(["predict", *words(made, task, images, "--out", tmp_path / task, *more)]) == 0
        again, *_, last = _table(capsys.readouterr().out)
        assert dict(zip(again[1:], last[1:], strict=True)) == dict(zip(head[1:], row[1:], strict=True))
        values[task] = head
    assert "psnr" in values["restoration"] and "mean_iou" in values["segmentation"]


def _table(text: str) -> list[list[str]]:
    """Returns the cells of a table that was printed."""
    lines = [line for line in text.splitlines() if line.startswith(("│", "┃"))]
    return [[cell.strip() for cell in line.strip("│┃").replace("┃", "│").split("│")] for line in lines]


def test_masks_hold_the_values_of_the_classes_in_colours(made, tmp_path: Path):
    root, model, variables = made["segmentation"]
    image = root / "segmentation/set/image/a.png"
    assert app.main(["predict", *words(made, "segmentation", image, "--out", tmp_path)]) == 0
    mask = Image.open(tmp_path / "a.png")
    padded = np.pad(GRAY, [(0, 1), (0, 0)], mode="symmetric")[None, ..., None] / np.float32(255)
    labels = np.argmax(jax.jit(model.apply)(variables, padded)[0, :19], axis=-1)
    assert 0 < labels.mean() < 1
    np.testing.assert_array_equal(np.asarray(mask), np.where(labels, 255, 0))
    np.testing.assert_array_equal(np.asarray(mask.convert("RGB")), class_colours()[labels])


def test_bad_images_get_a_line_each_and_the_rest_goes_on(made, tmp_path: Path, capsys):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "cmyk.jpg")
    Image.new("L", (1, 1)).save(tmp_path / "dot.png")
    Image.new("L", (60_000, 9)).save(tmp_path / "wide.png")
    Image.fromarray(GRAY).save(tmp_path / "good.png")
    (tmp_path / "truncated.png").write_bytes((tmp_path / "good.png").read_bytes()[:200])
    (tmp_path / "words.png").write_text("no image")
    assert app.main(["predict", *words(made, "restoration", tmp_path, "--out", tmp_path / "out")]) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if line.startswith("error:")]
    reasons = {
        "cmyk.jpg": "its pixels are CMYK; convert it",
        "dot.png": "it is 1x1 pixels; sides of 8 to 16,384",
        "truncated.png": "it cannot be read: image file is truncated",
        "wide.png": "it is 9x60000 pixels",
        "words.png": "it cannot be read: cannot identify image file",
    }
    assert len(lines) == len(reasons)
    for line, (name, reason) in zip(lines, reasons.items(), strict=True):
        assert line.startswith(f"error: {tmp_path / name}: {reason}")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["good.png", "good_panel.png"]


def test_a_mask_with_other_values_is_named(made, tmp_path: Path, capsys):
    image = made["segmentation"][0] / "segmentation/set/image/a.png"
    Image.fromarray(GRAY).save(tmp_path / "a.png")
    more = (image, "--truth", tmp_path, "--out", tmp_path / "out")
    assert app.main(["predict", *words(made, "segmentation", *more)]) == 2
    assert f"error: {image}: its mask has the value" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("task", "more", "reason"),
    [
        ("restoration", ("--top", "3"), "--top has no meaning here: the task is restoration"),
        ("restoration", ("--truth", ".", "--degrade"), "leave --truth out"),
        ("restoration", ("--truth", "nowhere"), "no such folder: nowhere"),
        ("restoration", ("--multiple", "0"), "--multiple must be 1 to 16,384 pixels"),
        ("segmentation", ("--degrade",), "--degrade has no meaning here"),
        ("restoration", ("--config.data.channels=3",), "misshaped"),
    ],
)
def test_mistakes_get_one_line(made, tmp_path: Path, capsys, task: str, more: tuple, reason: str):
    assert app.main(["predict", *words(made, task, tmp_path / "a.png", "--out", tmp_path, *more)]) == 2
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 1 and reason in lines[0]


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("alpha", [False, True])
@pytest.mark.parametrize("bits", [8, 16])
def test_pictures_are_read_as_they_were_written(tmp_path: Path, channels: int, alpha: bool, bits: int):
    pixels, transparency = (RNG.integers(0, 2**bits, (9, 12, c)) * (255 / (2**bits - 1)) for c in (channels, 1))
    write_picture(tmp_path / "a.png", Picture(pixels, transparency if alpha else None, bits))
    found = read_picture(tmp_path / "a.png")
    assert found.bits == bits
    np.testing.assert_allclose(found.pixels, pixels, atol=1e-4)
    assert found.alpha is None if not alpha else np.allclose(found.alpha, transparency, atol=1e-4)
