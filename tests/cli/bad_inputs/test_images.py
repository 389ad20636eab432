"""Images: one that cannot be used gets one line with its name, and the rest goes on."""

from __future__ import annotations

import io
import os
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import png
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import deepvision as dv
from deepvision.cli import predict_classes, predict_pictures
from deepvision.interop.convert import write_from
from deepvision.interop.rules import rules_of
from tests.cli.bad_inputs.asking import Answer, ask, assert_refused
from tests.goldens import fill

GRAY = np.random.default_rng(0).integers(0, 256, (32, 32), np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (32, 32, 3), np.uint8)
STABLE = settings(derandomize=True, deadline=None, database=None)


def encoded(image: Image.Image, kind: str, **options: object) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def half(data: bytes) -> bytes:
    return data[: len(data) // 2]


def png_of(width: int, height: int, bits: int = 8, data: bytes = b"") -> bytes:
    """Returns a PNG whose header claims a size, whatever follows."""

    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + header + chunk(b"IDAT", zlib.compress(data)) + chunk(b"IEND", b"")


def deep_png(channels: int) -> bytes:
    out = io.BytesIO()
    writer = png.Writer(32, 32, greyscale=channels == 1, bitdepth=16)
    writer.write(out, np.zeros((32, 32 * channels), np.uint16))
    return out.getvalue()


ANY = Image.fromarray(COLOUR)
BROKEN = {  # what no task can use, and what is said of it
    "empty.png": (b"", "cannot identify"),
    "text.png": (b"a cat", "cannot identify"),
    "page.jpg": (b"<html><body>404</body></html>", "cannot identify"),
    "signature.png": (b"\x89PNG\r\n\x1a\n", ""),
    "cut.png": (half(encoded(ANY, "PNG")), ""),
    "cut.jpg": (half(encoded(ANY, "JPEG")), "runcated"),
    "cut.gif": (half(encoded(ANY, "GIF")), ""),
    "cut.bmp": (half(encoded(ANY, "BMP")), "truncated"),
    "cut.webp": (half(encoded(ANY, "WEBP")), ""),
    "cut.tif": (half(encoded(ANY, "TIFF")), ""),
    "wide.png": (png_of(60_000, 60_000), "claims more than"),
    "header.png": (png_of(60_000, 8), ""),
    "no_width.png": (png_of(0, 8), ""),
    "zeros.jpg": (bytes(1000), "cannot identify"),
    "program.png": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 32 32\n", "cannot identify"),
    "float.tif": (encoded(Image.fromarray(GRAY.astype(np.float32)), "TIFF"), "its pixels are F"),
    "int.tif": (encoded(Image.fromarray(GRAY.astype(np.int32)), "TIFF"), "its pixels are I"),
}
OF_CLASSES = {  # what classification cannot use besides
    "deep.png": (deep_png(1), "its pixels are I;16"),
}
OF_PICTURES = {
    "cmyk.jpg": (encoded(ANY.convert("CMYK"), "JPEG"), "its pixels are CMYK"),
    "one.png": (encoded(Image.fromarray(GRAY[:1, :1]), "PNG"), "sides of 8 to 16,384"),
    "long.png": (encoded(Image.fromarray(np.zeros((8, 20_000), np.uint8)), "PNG"), "sides of 8 to 16,384"),
}
GOOD = {  # odd, but images all the same
    "gray.png": encoded(Image.fromarray(GRAY), "PNG"),
    "colour.jpg": encoded(ANY, "JPEG"),
    "palette.png": encoded(ANY.convert("P"), "PNG", transparency=bytes(range(256))),
    "alpha.png": encoded(ANY.convert("RGBA"), "PNG"),
    "animated.gif": encoded(ANY, "GIF", save_all=True, append_images=[ANY.rotate(90)]),
    "two.tif": encoded(ANY, "TIFF", save_all=True, append_images=[ANY]),
    "bit.png": encoded(Image.fromarray(GRAY > 99), "PNG"),
}


def filled(folder: Path, files: dict[str, bytes]) -> Path:
    folder.mkdir()
    for name, data in files.items():
        (folder / name).write_bytes(data)
    (folder / "folder.png").mkdir()
    os.mkfifo(folder / "pipe.png")
    return folder


def check(answer: Answer, folder: Path, reasons: dict[str, str]) -> None:
    """Every bad file has one line, in the order of their names, and nothing else is said but how far it is."""
    reasons = {**reasons, "folder.png": "it is a folder", "pipe.png": "there is no such file"}
    assert answer.status == 2
    lines = answer.said
    assert lines == answer.errors
    assert [line.split(": ")[1] for line in lines] == [str(folder / name) for name in sorted(reasons)]
    for line, name in zip(lines, sorted(reasons), strict=True):
        assert reasons[name] in line.removeprefix(f"error: {folder / name}: ")


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("weights") / "lenet.npz"
    np.savez(file, **fill.golden("lenet5_modern").weights)
    return file


@pytest.fixture
def uniform(monkeypatch: pytest.MonkeyPatch):
    """Lets all classes be as probable, without compiling anything."""
    monkeypatch.setattr(predict_classes.Predictor, "__call__", lambda self, images: np.full((len(images), 10), 0.1))


def test_classes_of_good_images_among_bad_ones(weights: Path, tmp_path: Path, uniform):
    bad = BROKEN | OF_CLASSES
    files = {name: data for name, (data, _) in bad.items()} | GOOD
    files |= {"cmyk.jpg": OF_PICTURES["cmyk.jpg"][0], "one.png": OF_PICTURES["one.png"][0]}
    folder = filled(tmp_path / "images", files)
    answer = ask("predict", "--model", "lenet5_modern", "--weights", weights, folder)
    check(answer, folder, {name: says for name, (_, says) in bad.items()})
    for name in (*GOOD, "cmyk.jpg", "one.png"):
        assert name in answer.out.replace("\n", "")


@given(flips=st.lists(st.tuples(st.sampled_from(("PNG", "JPEG", "GIF", "BMP", "WEBP", "TIFF")), st.integers(0, 10**6))))
@settings(derandomize=True, deadline=None, database=None, max_examples=5)
def test_damaged_images_are_answered_or_named(weights: Path, tmp_path_factory, flips: list[tuple[str, int]]):
    folder = tmp_path_factory.mktemp("flipped")
    for number, (kind, place) in enumerate([*flips, *(("PNG", 100 + 7 * i) for i in range(5))]):
        data = bytearray(encoded(ANY, kind))
        data[place % len(data)] ^= 1 << place % 8
        (folder / f"{number}.{kind.lower()}").write_bytes(data)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(predict_classes.Predictor, "__call__", lambda self, images: np.full((len(images), 10), 0.1))
        answer = ask("predict", "--model", "lenet5_modern", "--weights", weights, folder)
    assert answer.err.splitlines() == answer.errors
    assert answer.status == (2 if answer.errors else 0)
    assert all(f"error: {folder}/" in line for line in answer.errors)


TASKS = {
    "restoration": ("dncnn17_gray", {"depth": 3, "width": 4}, ()),
    "segmentation": ("unet_padded", {"depth": 1, "width": 4}, (0, 255)),
}
CONFIG = """
from deepvision.config import default_config

def get_config():
    config = default_config()
    config.task, config.model.name, config.model.overrides = {task!r}, {name!r}, {overrides!r}
    config.data.name, config.data.classes = {data!r}, {classes!r}
    config.data.path, config.data.train_split, config.data.channels = "nowhere", "set", 1
    config.data.normalize = "unit"
    return config
"""


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a config, and weights, of a small network for each task with pictures."""
    import jax
    import jax.numpy as jnp

    folder = tmp_path_factory.mktemp("tasks")
    for task, (name, overrides, classes) in TASKS.items():
        model = dv.create_model(name, len(classes) or None, overrides=overrides)
        shapes = jax.eval_shape(model.init, jax.random.key(0), jnp.zeros((1, 16, 16, 1)))
        variables = jax.tree.map(lambda leaf: np.zeros(leaf.shape, np.float32), shapes)
        np.savez(folder / f"{task}.npz", **write_from(variables, rules_of(model)[0], name))
        data = "image_masks" if classes else "images"
        text = CONFIG.format(task=task, name=name, overrides=overrides, data=data, classes=classes)
        (folder / f"{task}.py").write_text(text)
    return folder


@pytest.fixture
def nothing_computed(monkeypatch: pytest.MonkeyPatch):
    """Lets every image that can be read be all that comes out."""

    def unchanged(self, example):
        outputs = np.stack([planes["image"][..., :1] for planes in example.planes])
        return np.concatenate([outputs, outputs], -1) if "mask" in example.planes[0] else outputs, {}

    monkeypatch.setattr(predict_pictures.Predictor, "__call__", unchanged)


def words(made: Path, task: str, *more: object) -> tuple[object, ...]:
    return ("predict", "--config", made / f"{task}.py", "--weights", made / f"{task}.npz", *more)


@pytest.mark.parametrize("task", TASKS)
def test_pictures_of_good_images_among_bad_ones(made: Path, tmp_path: Path, nothing_computed, task: str):
    bad = BROKEN | OF_PICTURES
    folder = filled(tmp_path / "images", {name: data for name, (data, _) in bad.items()} | GOOD)
    answer = ask(*words(made, task, folder, "--out", tmp_path / "out"))
    check(answer, folder, {name: says for name, (_, says) in bad.items()})
    stems = {Path(name).stem for name in GOOD}
    assert {file.name for file in (tmp_path / "out").iterdir()} == {
        f"{s}{e}" for s in stems for e in (".png", "_panel.png")
    }


@pytest.mark.parametrize(
    ("mask", "says"),
    [
        (Image.fromarray(GRAY), "its mask has the value"),
        (Image.fromarray(COLOUR), "are RGB; a mask has one value"),
        (Image.fromarray(GRAY[:16] * 0), "has another size: 16x32 and 32x32"),
        (Image.fromarray(GRAY.astype(np.int32)), "are I; a mask has one value"),
        (None, "its mask"),
    ],
)
def test_a_bad_mask_is_named(made: Path, tmp_path: Path, mask: Image.Image | None, says: str):
    (tmp_path / "a.png").write_bytes(GOOD["gray.png"])
    (tmp_path / "truth").mkdir()
    (tmp_path / "truth" / "a.tif").write_bytes(b"no mask" if mask is None else encoded(mask, "TIFF"))
    more = (tmp_path / "a.png", "--truth", tmp_path / "truth", "--out", tmp_path / "out")
    assert_refused(*words(made, "segmentation", *more), says=says, kept=tmp_path / "truth")


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (("nowhere.png",), "nowhere.png"),
        (("nowhere/",), "nowhere"),
        (("empty",), "there is no image in empty"),
        (("a.png", "--top", "0"), "--top must be at least 1"),
        (("a.png", "--top", "many"), "top"),
        (("a.png", "--image_size", "-3"), "--image_size must be"),
        (("a.png", "--image_size", "1000000"), "--image_size must be"),
        (("a.png", "--classes", "nowhere.txt"), "--classes: cannot read nowhere.txt"),
        (("a.png", "--classes", "a.png"), "--classes: cannot read a.png"),
        (("a.png", "--classes", "."), "--classes: cannot read ."),
        (("a.png", "--classes", "two.txt"), "2 names for 10 classes"),
        (("a.png", "--normalize", "no"), "unknown --normalize"),
        (("a.png", "--out", "here"), "--out has no meaning here"),
        ((), "usage: python -m deepvision predict"),
    ],
)
def test_bad_words_are_refused(
    weights: Path, tmp_path: Path, monkeypatch, uniform, more: tuple[str, ...], says: Callable
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.png").write_bytes(GOOD["gray.png"])
    (tmp_path / "two.txt").write_text("cat\ndog\n")
    (tmp_path / "empty").mkdir()
    assert_refused("predict", "--model", "lenet5_modern", "--weights", weights, *more, says=says, kept=tmp_path)


def test_a_name_with_a_line_end_in_it_gets_one_line(weights: Path, tmp_path: Path, uniform):
    (tmp_path / "a\nb.png").write_bytes(b"")
    answer = ask("predict", "--model", "lenet5_modern", "--weights", weights, tmp_path / "a\nb.png")
    assert answer.status == 2 and len(answer.err.splitlines()) == 1
